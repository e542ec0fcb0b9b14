import Embedded
import KeyValueStore
import StoreContracts
import Testing

@Suite("The embedded adapters keep the contracts of their ports")
struct ContractTests {
  @Test("Database", arguments: DatabaseContract.cases)
  func database(_ sentence: DatabaseContract.Case) async throws {
    let harness = try EmbeddedDatabaseHarness()
    try await sentence.prove(harness)
    await harness.embedded.close()
  }

  @Test("Queue", arguments: WriteQueueContract.cases)
  func queue(_ sentence: WriteQueueContract.Case) async throws {
    let harness = try EmbeddedDatabaseHarness()
    try await sentence.prove(harness)
    await harness.embedded.close()
  }

  @Test("Cache", arguments: CacheContract.cases)
  func cache(_ sentence: CacheContract.Case) async throws {
    try await sentence.prove(EmbeddedCacheHarness())
  }

  @Test("Change feed", arguments: ChangeFeedContract.cases)
  func feed(_ sentence: ChangeFeedContract.Case) async throws {
    try await sentence.prove(EmbeddedChangeFeedHarness())
  }
}
