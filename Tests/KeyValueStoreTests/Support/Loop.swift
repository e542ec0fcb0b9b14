import KeyValueStore
import TestSupport

@testable import class KeyValueStore.Store

/// A store on an actor of its own, as on an event loop, and everything behind it.
actor Loop {
  nonisolated let backing: Backing
  private let store: Store

  init(
    _ backing: Backing = Backing(), turns: CommitTurns? = nil, limits: StoreLimits = StoreLimits(),
    tracer: (any StoreTracer)? = nil, clock: SteadyClock = .system
  ) {
    self.backing = backing
    store = Store(
      database: backing.database, cache: backing.cache, queue: backing.queue, feed: backing.feed,
      turns: turns, limits: limits, inFlight: backing.inFlight, observer: backing.observer,
      tracer: tracer, now: { [clock = backing.clock] in clock.now }, clock: clock)
  }

  /// Starts requests in this turn of the loop, in order.
  func start(writes: [Write]) -> [Task<Result<WriteReceipt, StoreError>, Never>] {
    writes.map { write in
      Task {
        do throws(StoreError) {
          return .success(try await store.write(write))
        } catch {
          return .failure(error)
        }
      }
    }
  }

  /// Starts requests in this turn of the loop, in order.
  func start(
    reads keys: [Key], isFresh: Bool = false
  ) -> [Task<Result<Reading, StoreError>, Never>] {
    keys.map { key in
      Task {
        do throws(StoreError) {
          return .success(try await store.get(key, isFresh: isFresh))
        } catch {
          return .failure(error)
        }
      }
    }
  }

  /// Returns once `count` writes wait for a batch.
  func until(writesWaiting count: Int) async {
    while store.waiting.writes != count { await Task.yield() }
  }

  /// Returns once `count` readers wait for a look-up.
  func until(readersWaiting count: Int) async {
    while store.waiting.readers != count { await Task.yield() }
  }

  func get(_ key: Key, isFresh: Bool = false) async throws(StoreError) -> Reading {
    try await store.get(key, isFresh: isFresh)
  }

  func write(_ write: Write) async throws(StoreError) -> WriteReceipt {
    try await store.write(write)
  }

  func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    try await store.execute(batch)
  }

  func submit(
    _ write: Write, after attempt: Attempt? = nil
  ) async throws(StoreError) -> Submission {
    try await store.submit(write, after: attempt)
  }

  func values(of changes: [Change]) async -> [[UInt8]?] { await store.values(of: changes) }

  func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    try await store.apply(queued)
  }

  func list(_ request: PageRequest) async throws(StoreError) -> Page {
    try await store.list(request)
  }

  func remove(
    prefix: String, after position: PagePosition? = nil, limit: Int
  ) async throws(StoreError) -> Removal {
    try await store.remove(prefix: Array(prefix.utf8), after: position, limit: limit)
  }

  func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    try await store.operation(id)
  }

  func purge() async throws(StoreError) -> PurgeReport { try await store.purge() }

  func health() async -> StoreHealth { await store.health() }

  func cacheStatistics() async -> CacheStatistics { await store.cacheStatistics() }
}

/// The adapters behind the stores of one process, under a test's control.
struct Backing: Sendable {
  let clock: TestClock
  let database: GatedDatabase
  let cache = GatedCache()
  let feed = RecordingFeed()
  let queue: ScriptedQueue
  let observer = RecordingObserver()
  let inFlight = IdempotencyRegistry()

  init() {
    let clock = TestClock()
    self.clock = clock
    database = GatedDatabase(InMemoryDatabase(now: { clock.now }))
    queue = ScriptedQueue(database: database)
  }
}
