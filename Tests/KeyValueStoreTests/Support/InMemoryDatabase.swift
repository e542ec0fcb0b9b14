import KeyValueStore
import Simulation
import Synchronization

/// A database as the port describes it, in memory, on a clock that tests move. It never fails, and
/// has no outbox.
final class InMemoryDatabase: Database, Sendable {
  private let tables = Mutex(Tables())
  private let now: WallClock

  init(now: @escaping WallClock) { self.now = now }

  private func commit<Result: Sendable>(
    _ body: (inout Tables, Timestamp) -> Result
  ) -> Result {
    tables.withLock { tables in tables.commit(as: nil) { body(&$0, now()) }.result }
  }

  func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    tables.withLock { tables in keys.map { tables.lookup($0, at: now()) } }
  }

  func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    commit { tables, now in writes.map { .success(tables.write($0, at: now)) } }
  }

  func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    commit { $0.execute(batch, at: $1) }
  }

  func list(_ request: PageRequest) async throws(StoreError) -> Page {
    tables.withLock { $0.list(request, at: now()) }
  }

  /// Has time for 1,000 entries, whatever the limit is, unless there is enough for all.
  func count(
    prefix: [UInt8], within limit: Duration
  ) async throws(StoreError) -> LiveCount {
    let page = try await list(PageRequest(prefix: prefix, entriesMax: .max))
    let isShort = page.items.count > 1_000 && limit == .zero
    return LiveCount(isShort ? 1_000 : page.items.count, isAtLeast: isShort)
  }

  func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    commit { tables, now in queued.map { tables.apply($0, at: now) } }
  }

  func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    tables.withLock { $0.operation(id, at: now()) }
  }

  func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    OutboxBatch(id: nil, changes: commit { $0.purgeExpired(limit: limit, at: $1) })
  }

  func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    commit { $0.purgeRetained(limit: limit, at: $1) }
  }

  func checkHealth() async throws(StoreError) {}
}
