import KeyValueStore
import StoreContracts

/// The database, the cache and the queue of these tests, as their ports' contracts want them.
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

  /// There is no file to open again: what lives as long as the test survives everything.
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
