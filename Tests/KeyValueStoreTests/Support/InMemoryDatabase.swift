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
    var scan = PageScan(request)
    let rest = scan.rest
    let ascending = entries.filter { entry in
      let key = entry.metadata.key.bytes
      return !key.lexicographicallyPrecedes(rest.first) && key.lexicographicallyPrecedes(rest.end)
    }.sorted { $0.metadata.key < $1.metadata.key }
    for entry in request.isReversed ? ascending.reversed() : ascending where !scan.isComplete {
      _ = scan.take(entry.metadata) { request.includesValues ? entry.value : nil }
    }
    scan.finish()
    return scan.page
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
        // Not the metadata's revision: a queued delete may have set a newer one.
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

/// The contents of an in-memory database. A copy is a snapshot, for a rollback.
struct Tables {
  /// A key that has been written: its entry, or a tombstone (nil).
  struct Row {
    var entry: Entry?
    var revision: Revision
    var updatedAt: Timestamp
  }

  /// The first result of a request with an idempotency key.
  struct Remembered<Outcome> {
    var outcome: Outcome
    var fingerprint: [UInt8]
    var at: Timestamp
  }

  var rows: [Key: Row] = [:]
  var operations: [OperationID: OperationRecord] = [:]
  var writes: [String: Remembered<WriteOutcome>] = [:]
  var batches: [String: Remembered<BatchOutcome>] = [:]

  /// The oldest time whose records are still valid.
  static func retained(at now: Timestamp) -> Timestamp { now.adding(seconds: -86_400) }

  /// Removes a name that is older than its retention, even if it has not been purged.
  private mutating func forget(_ name: String, at now: Timestamp) {
    let oldest = Tables.retained(at: now)
    if let first = writes[name], first.at < oldest { writes[name] = nil }
    if let first = batches[name], first.at < oldest { batches[name] = nil }
  }

  func lookup(_ key: Key, at now: Timestamp) -> Lookup {
    guard let row = rows[key] else { return .absent(.none) }
    guard let entry = row.entry, !entry.metadata.isExpired(at: now) else {
      return .absent(row.revision)
    }
    return .found(entry)
  }

  /// Makes one write. A queued one has its own revision, and its time to live begins at `start`.
  mutating func write(
    _ write: Write, at now: Timestamp, revision place: Revision? = nil,
    livingFrom start: Timestamp? = nil
  ) -> WriteOutcome {
    let lookup = lookup(write.key, at: now)
    let live = lookup.entry?.metadata
    guard write.condition.holds(for: live?.revision) else {
      return .preconditionFailed(current: live?.revision)
    }
    let revision = place ?? lookup.revision.next(at: now)
    switch write.mutation {
    case .delete:
      if live == nil { return .notFound }
      rows[write.key] = Row(entry: nil, revision: revision, updatedAt: now)
      return .deleted(revision)
    case .put(let value, let contentType, let timeToLive):
      let metadata = Metadata(
        key: write.key, revision: revision, version: (live?.version ?? 0) + 1, size: value.count,
        contentType: contentType, createdAt: live?.createdAt ?? now, updatedAt: now,
        expiresAt: timeToLive.map { (start ?? now).adding(seconds: $0) })
      let entry = Entry(metadata: metadata, value: value)
      rows[write.key] = Row(entry: entry, revision: revision, updatedAt: now)
      return .stored(metadata)
    case .patch(let patch): return self.patch(patch, write.key, as: revision, at: now)
    }
  }

  private mutating func patch(
    _ patch: Patch, _ key: Key, as revision: Revision, at now: Timestamp
  ) -> WriteOutcome {
    let live = lookup(key, at: now).entry
    var value = live?.value ?? Array("0".utf8)
    var sum: Int64?
    if let amount = patch.amount {
      guard let text = String(validating: value, as: UTF8.self),
        text.wholeMatch(of: /0|-?[1-9][0-9]*/) != nil, let old = Int64(text)
      else { return .addRefused(.notAnInteger) }
      let (result, hasOverflown) = old.addingReportingOverflow(amount)
      if hasOverflown { return .addRefused(.overflow) }
      sum = result
      value = Array("\(result)".utf8)
    } else if live == nil {
      return .notFound
    }
    let expiresAt: Timestamp? =
      switch patch.expiry {
      case .kept: live?.metadata.expiresAt
      case .never: nil
      case .after(let seconds): now.adding(seconds: seconds)
      }
    let metadata = Metadata(
      key: key, revision: revision, version: (live?.metadata.version ?? 0) + 1, size: value.count,
      contentType: patch.contentType ?? live?.metadata.contentType ?? "text/plain; charset=utf-8",
      createdAt: live?.metadata.createdAt ?? now, updatedAt: now, expiresAt: expiresAt)
    rows[key] = Row(
      entry: Entry(metadata: metadata, value: value), revision: revision, updatedAt: now)
    return sum.map { .added(metadata, sum: $0) } ?? .stored(metadata)
  }

  /// Makes a write, or returns the stored outcome of the same request.
  mutating func writeOnce(_ write: Write, at now: Timestamp) -> WriteReceipt {
    guard let idempotency = write.idempotency else {
      return WriteReceipt(outcome: self.write(write, at: now))
    }
    forget(idempotency.name, at: now)
    if let first = writes[idempotency.name] {
      return first.fingerprint == idempotency.fingerprint
        ? WriteReceipt(outcome: first.outcome, isReplayed: true)
        : WriteReceipt(outcome: .idempotencyMismatch)
    }
    if batches[idempotency.name] != nil { return WriteReceipt(outcome: .idempotencyMismatch) }
    let outcome = self.write(write, at: now)
    writes[idempotency.name] = Remembered(
      outcome: outcome, fingerprint: idempotency.fingerprint, at: now)
    return WriteReceipt(outcome: outcome)
  }

  /// Executes a batch on a copy, so that an atomic one that fails changes nothing.
  mutating func execute(_ batch: Batch, at now: Timestamp) -> BatchOutcome {
    var copy = self
    var outcomes: [OperationOutcome] = []
    var readBytesLeft = batch.readBytesMax
    for (index, operation) in batch.operations.enumerated() {
      switch operation {
      case .get(let key):
        let lookup = copy.lookup(key, at: now)
        let size = lookup.entry?.value.count ?? 0
        guard size <= readBytesLeft else {
          outcomes.append(.readTooLarge)
          continue
        }
        readBytesLeft -= size
        outcomes.append(.read(lookup))
      case .write(let write):
        let outcome = copy.write(write, at: now)
        if batch.isAtomic, case .preconditionFailed(let current) = outcome {
          return .preconditionFailed(index: index, current: current)
        }
        if batch.isAtomic, case .addRefused(let reason) = outcome {
          return .addRefused(index: index, reason)
        }
        outcomes.append(.write(outcome))
      }
    }
    self = copy
    return .completed(outcomes)
  }

  /// Executes a batch, or returns the stored outcome of the same request.
  mutating func executeOnce(_ batch: Batch, at now: Timestamp) -> BatchReceipt {
    guard let idempotency = batch.idempotency else {
      return BatchReceipt(outcome: execute(batch, at: now))
    }
    forget(idempotency.name, at: now)
    if let first = batches[idempotency.name] {
      return first.fingerprint == idempotency.fingerprint
        ? BatchReceipt(outcome: first.outcome, isReplayed: true)
        : BatchReceipt(outcome: .idempotencyMismatch)
    }
    if writes[idempotency.name] != nil { return BatchReceipt(outcome: .idempotencyMismatch) }
    let outcome = execute(batch, at: now)
    batches[idempotency.name] = Remembered(
      outcome: outcome, fingerprint: idempotency.fingerprint, at: now)
    return BatchReceipt(outcome: outcome)
  }

  /// Applies a queued write unless it was recorded before.
  mutating func apply(_ queued: QueuedWrite, at now: Timestamp) -> AppliedWrite {
    if let record = operations[queued.id] { return AppliedWrite(record: record, outcome: nil) }
    let current = rows[queued.write.key]?.revision ?? .none
    let accepted = Revision(queued.acceptedAt.microseconds)
    // An acceptance in the future is replaced by the present time.
    let isAhead = queued.acceptedAt > now.adding(microseconds: 10_000)
    let place = isAhead ? current.next(at: now) : accepted
    var state = OperationRecord.State.superseded
    var revision: Revision? = current == .none ? nil : current
    var outcome: WriteOutcome?
    let isProven = current != .none || queued.acceptedAt > Tables.retained(at: now)
    if current < accepted, isProven {
      let result = write(
        queued.write, at: now, revision: place, livingFrom: isAhead ? now : queued.acceptedAt)
      switch result {
      case .stored, .added, .deleted: (state, revision, outcome) = (.applied, place, result)
      case .notFound:
        (state, revision, outcome) = (.applied, nil, result)
        leaveTombstone(for: queued.write.key, at: place, now: now)
      case .preconditionFailed(let current):
        (state, revision, outcome) = (.preconditionFailed, current, result)
      case .addRefused: preconditionFailure("A patch is never queued")
      case .idempotencyMismatch: preconditionFailure("Queued writes have no idempotency key left")
      }
    }
    let record = OperationRecord(
      id: queued.id, state: state, revision: revision, updatedAt: now)
    operations[queued.id] = record
    return AppliedWrite(record: record, outcome: outcome)
  }

  /// A queued delete that finds nothing sets the revision all the same. An expired entry stays, so
  /// that its purge is published.
  private mutating func leaveTombstone(for key: Key, at place: Revision, now: Timestamp) {
    if let row = rows[key], row.entry != nil {
      rows[key]?.revision = place
    } else {
      rows[key] = Row(entry: nil, revision: place, updatedAt: now)
    }
  }
}
