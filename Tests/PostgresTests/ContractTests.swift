import StoreContracts
import Testing

extension OnAnyDatabase {
  @Suite("It keeps the contracts of its ports")
  struct ContractTests {
    @Test("Database", arguments: DatabaseContract.cases)
    func database(_ sentence: DatabaseContract.Case) async throws {
      let harness = try PostgresHarness()
      try await sentence.prove(harness)
      try await harness.close()
    }

    @Test("Shared database", arguments: SharedDatabaseContract.cases)
    func sharedDatabase(_ sentence: SharedDatabaseContract.Case) async throws {
      let harness = try PostgresHarness()
      try await sentence.prove(harness)
      try await harness.close()
    }
  }
}
