import StoreContracts
import Testing

@Suite("What stands in for the adapters in these tests keeps the contracts of their ports")
struct ContractTests {
  @Test("Database", arguments: DatabaseContract.cases)
  func database(_ sentence: DatabaseContract.Case) async throws {
    try await sentence.prove(InMemoryHarness())
  }

  @Test("Queue", arguments: WriteQueueContract.cases)
  func queue(_ sentence: WriteQueueContract.Case) async throws {
    try await sentence.prove(InMemoryHarness())
  }

  @Test("Cache", arguments: CacheContract.cases)
  func cache(_ sentence: CacheContract.Case) async throws {
    try await sentence.prove(InMemoryHarness())
  }
}
