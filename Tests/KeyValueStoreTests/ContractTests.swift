import KeyValueStore
import StoreContracts
import TestSupport
import Testing

@Suite("The adapters of these tests keep the contracts of their ports")
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

/// The database, the cache and the queue of these tests, for the contracts of their ports.
final class InMemoryHarness: DatabaseHarness, CacheHarness, WriteQueueHarness {
  private let clock: TestClock
  private let inMemory: InMemoryDatabase
  private let kept = InMemoryCache()

  init() {
    let clock = TestClock()
    self.clock = clock
    inMemory = InMemoryDatabase(now: { clock.now })
  }

  var database: any Database { inMemory }
  var cache: any Cache { kept }
  var queue: any WriteQueue { ScriptedQueue(database: inMemory) }

  func now() -> Timestamp { clock.now }
  func advance(seconds: Int64) { clock.advance(seconds: seconds) }

  /// There is no file: the memory lives as long as the test.
  func reopen() {}

  /// The queue applies at once.
  func drain() {}

  func endLeases() { kept.endLeases() }
  func evictAll() { kept.evictAll() }

  func concurrently(
    _ count: Int, _ body: @escaping @Sendable (Int, any Database) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup { group in
      for number in 0..<count {
        group.addTask { [inMemory] in try await body(number, inMemory) }
      }
      try await group.waitForAll()
    }
  }
}
