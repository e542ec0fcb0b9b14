import KeyValueStore
import Synchronization

/// A database as the port describes it, in memory, on a clock that tests move.
final class InMemoryDatabase: Database, Sendable {
  private let tables = Mutex(Tables())
  private let now: WallClock

  init(now: @escaping WallClock) { self.now = now }

  func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    tables.withLock { tables in keys.map { tables.lookup($0, at: now()) } }
  }

  func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    tables.withLock { tables in writes.map { .success(tables.writeOnce($0, at: now())) } }
  }

  func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    tables.withLock { $0.executeOnce(batch, at: now()) }
  }

  func list(_ request: PageRequest) async throws(StoreError) -> Page {
    let time = now()
    let entries = tables.withLock { tables in
      tables.rows.values.compactMap(\.entry).filter { !$0.metadata.isExpired(at: time) }
    }
    let matching = entries.filter { entry in
      let key = entry.metadata.key
      return key.bytes.starts(with: request.prefix) && request.after.map { $0 < key } ?? true
    }.sorted { $0.metadata.key < $1.metadata.key }
    var items: [Page.Item] = []
    var bytes = 0
    for entry in matching.prefix(request.entriesMax) {
      if request.includesValues {
        bytes += entry.value.count
        if !items.isEmpty, bytes > request.valueBytesMax { break }
      }
      items.append(
        Page.Item(
          metadata: entry.metadata, value: request.includesValues ? entry.value : nil))
    }
    return Page(items: items, hasMore: items.count < matching.count)
  }

  func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    tables.withLock { tables in queued.map { tables.apply($0, at: now()) } }
  }

  func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    let retained = Tables.retained(at: now())
    let record = tables.withLock { $0.operations[id] }
    return record.flatMap { $0.updatedAt < retained ? nil : $0 }
  }

  func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    let changes = tables.withLock { tables in
      let expired = tables.rows.values.compactMap(\.entry?.metadata)
        .filter { $0.isExpired(at: now()) }
        .sorted { ($0.expiresAt!, $0.key) < ($1.expiresAt!, $1.key) }
      return expired.prefix(limit).map { metadata in
        // Not the metadata's: a queued delete may have taken a place since.
        let revision = tables.rows[metadata.key]!.revision.next(at: metadata.expiresAt!)
        tables.rows[metadata.key] = Tables.Row(
          entry: nil, revision: revision, updatedAt: now())
        return Change(key: metadata.key, revision: revision, kind: .expire)
      }
    }
    return OutboxBatch(id: nil, changes: changes)
  }

  func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    let retained = Tables.retained(at: now())
    return tables.withLock { tables in
      let rows = tables.rows.filter { _, row in
        row.entry == nil && row.updatedAt < retained
          && row.revision.number < retained.microseconds
      }.keys
      for key in rows.prefix(limit) { tables.rows[key] = nil }
      var left = limit - min(limit, rows.count)
      let operations = tables.operations.filter { $1.updatedAt < retained }.keys.prefix(left)
      for id in operations { tables.operations[id] = nil }
      left -= operations.count
      let writes = tables.writes.filter { $1.at < retained }.keys.prefix(left)
      for name in writes { tables.writes[name] = nil }
      left -= writes.count
      let batches = tables.batches.filter { $1.at < retained }.keys.prefix(left)
      for name in batches { tables.batches[name] = nil }
      return limit - left + batches.count
    }
  }

  func checkHealth() async throws(StoreError) {}
}
