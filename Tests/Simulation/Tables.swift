package import KeyValueStore

/// What a database keeps, and how calls change it: the rules of the port `Database` without I/O or
/// clock. A copy is a snapshot.
///
/// The rules of a key are those of `KeyState`, as in the real databases.
package struct Tables: Sendable {
  /// A key that has been written: its entry, or a tombstone.
  package struct Row: Sendable {
    package var state: KeyState
    package var value: [UInt8] = []
    package var changedAt: Timestamp
  }

  /// The first result of a request with an idempotency key.
  private struct Kept {
    var outcome: [UInt8]
    var fingerprint: [UInt8]
    var at: Timestamp
  }

  /// How long tombstones, operations and outcomes are kept, in seconds.
  package static let retention: Int64 = 86_400

  package private(set) var rows: [Key: Row] = [:]
  private var kept: [String: Kept] = [:]
  var operations: [OperationID: OperationRecord] = [:]
  var outbox = OutboxTable()
  /// What the present commit has changed.
  private var changes: [Committed] = []

  /// A change and the value that the key has by it; nil: none.
  package struct Committed: Sendable {
    package let change: Change
    package let value: [UInt8]?
  }

  package init() {}

  /// The oldest time whose records are still valid.
  package static func retained(at now: Timestamp) -> Timestamp { now.adding(seconds: -retention) }

  /// Makes one commit, and puts its changes into the outbox under `id`. Nil: there is no outbox.
  package mutating func commit<Result>(
    as id: OutboxID?, _ body: (inout Tables) -> Result
  ) -> (result: Result, changes: [Committed]) {
    let result = body(&self)
    defer { changes = [] }
    if let id, !changes.isEmpty {
      outbox.append(OutboxBatch(id: id, changes: changes.map(\.change)))
    }
    return (result, changes)
  }

  private mutating func note(_ change: Change?) {
    guard let change, let row = rows[change.key] else { return }
    changes.append(Committed(change: change, value: row.state.entry == nil ? nil : row.value))
  }

  /// What is known when a queued write is applied. A run without one of them has to be found.
  package struct ApplyRules: Sendable {
    /// Which operations were applied before.
    var areKnown = true
    /// Since when tombstones are kept: a write accepted before may have been deleted.
    var haveTombstones = true

    package init(areKnown: Bool = true, haveTombstones: Bool = true) {
      self.areKnown = areKnown
      self.haveTombstones = haveTombstones
    }
  }

  // MARK: Reading

  package func lookup(_ key: Key, at now: Timestamp) -> Lookup {
    guard let row = rows[key] else { return .absent(.none) }
    guard let entry = row.state.live(at: now) else { return .absent(row.state.revision) }
    return .found(Entry(metadata: entry, value: row.value))
  }

  package func list(_ request: PageRequest, at now: Timestamp) -> Page {
    var scan = PageScan(request)
    let rest = scan.rest
    let ascending = rows.keys.filter { key in
      !key.bytes.lexicographicallyPrecedes(rest.first)
        && key.bytes.lexicographicallyPrecedes(rest.end)
    }.sorted()
    for key in request.isReversed ? ascending.reversed() : ascending where !scan.isComplete {
      guard case .found(let entry) = lookup(key, at: now) else { continue }
      _ = scan.take(entry.metadata) { request.includesValues ? entry.value : nil }
    }
    scan.finish()
    return scan.page
  }

  package func operation(_ id: OperationID, at now: Timestamp) -> OperationRecord? {
    operations[id].flatMap { $0.updatedAt < Self.retained(at: now) ? nil : $0 }
  }

  // MARK: Writing

  /// Makes a write, or returns the stored outcome of the same request.
  package mutating func write(_ write: Write, at now: Timestamp) -> WriteReceipt {
    guard let name = write.idempotency else { return decide(write, at: now) }
    if let first = find(name, at: now) {
      guard first.fingerprint == name.fingerprint,
        let outcome = WriteOutcome(encoded: first.outcome, of: write)
      else { return WriteReceipt(outcome: .idempotencyMismatch) }
      return WriteReceipt(outcome: outcome, isReplayed: true)
    }
    let receipt = decide(write, at: now)
    keep(receipt.outcome.encoded(), of: name, at: now)
    return receipt
  }

  /// Executes a batch, or returns the stored outcome of the same request.
  package mutating func execute(_ batch: Batch, at now: Timestamp) -> BatchReceipt {
    guard let name = batch.idempotency else { return run(batch, at: now) }
    if let first = find(name, at: now) {
      guard first.fingerprint == name.fingerprint,
        let outcome = BatchOutcome(encoded: first.outcome, of: batch)
      else { return BatchReceipt(outcome: .idempotencyMismatch) }
      return BatchReceipt(outcome: outcome, isReplayed: true)
    }
    let receipt = run(batch, at: now)
    keep(receipt.outcome.encoded(), of: name, at: now)
    return receipt
  }

  /// Applies a queued write, unless it is on record or took effect before it was queued.
  package mutating func apply(
    _ queued: QueuedWrite, at now: Timestamp, rules: ApplyRules = ApplyRules()
  ) -> AppliedWrite {
    if rules.areKnown, let record = operations[queued.id] {
      return AppliedWrite(record: record, outcome: nil)
    }
    let key = queued.write.key
    let applied: AppliedWrite
    if let revision = queued.attempt.flatMap({ outbox.revision(of: key, in: $0) }) {
      let record = OperationRecord(
        id: queued.id, state: .applied, revision: revision, updatedAt: now)
      applied = AppliedWrite(record: record, outcome: nil)
    } else {
      let since =
        rules.haveTombstones ? Self.retained(at: now) : Timestamp(microseconds: 0)
      applied = change(key, by: queued.write, at: now) {
        $0.apply(queued, at: now, tombstonesSince: since)
      }
      note(applied.change(of: key))
    }
    operations[queued.id] = applied.record
    return applied
  }

  private mutating func decide(_ write: Write, at now: Timestamp) -> WriteReceipt {
    let receipt = change(write.key, by: write, at: now) { $0.make(write, at: now) }
    note(receipt.change(of: write.key))
    return receipt
  }

  private mutating func change<Result>(
    _ key: Key, by write: Write, at now: Timestamp, _ body: (inout KeyState) -> Result
  ) -> Result {
    var row = rows[key] ?? Row(state: KeyState(key: key), changedAt: now)
    let before = row.state
    let result = body(&row.state)
    guard row.state != before else { return result }
    row.changedAt = now
    if row.state.entry == nil {
      row.value = []
    } else if let value = row.state.value(storedBy: write), row.state.entry != before.entry {
      row.value = value
    }
    rows[key] = row
    return result
  }

  private mutating func run(_ batch: Batch, at now: Timestamp) -> BatchReceipt {
    let snapshot = self
    var outcomes: [OperationOutcome] = []
    var bytesLeft = batch.readBytesMax
    for (index, operation) in batch.operations.enumerated() {
      switch operation {
      case .get(let key):
        let lookup = lookup(key, at: now)
        let size = lookup.entry?.value.count ?? 0
        outcomes.append(size <= bytesLeft ? .read(lookup) : .readTooLarge)
        if size <= bytesLeft { bytesLeft -= size }
      case .write(let write):
        let outcome = decide(write, at: now).outcome
        if batch.isAtomic, let undone = BatchOutcome(undoneBy: outcome, at: index) {
          self = snapshot
          return BatchReceipt(outcome: undone)
        }
        outcomes.append(.write(outcome))
      }
    }
    return BatchReceipt(
      outcome: .completed(outcomes),
      previous: changes[snapshot.changes.count...].map(\.change.previous))
  }

  private func find(_ name: IdempotencyKey, at now: Timestamp) -> Kept? {
    kept[name.name].flatMap { $0.at > Self.retained(at: now) ? $0 : nil }
  }

  private mutating func keep(_ outcome: [UInt8], of name: IdempotencyKey, at now: Timestamp) {
    kept[name.name] = Kept(outcome: outcome, fingerprint: name.fingerprint, at: now)
  }

  // MARK: Purging

  /// Turns at most `limit` expired entries into tombstones.
  package mutating func purgeExpired(limit: Int, at now: Timestamp) -> [Change] {
    let expired = rows.values.compactMap(\.state.entry).filter { $0.isExpired(at: now) }
      .sorted { ($0.expiresAt!, $0.key) < ($1.expiresAt!, $1.key) }
    return expired.prefix(limit).compactMap { entry in
      guard let change = rows[entry.key]!.state.expire(at: now) else { return nil }
      rows[entry.key]!.value = []
      rows[entry.key]!.changedAt = now
      note(change)
      return change
    }
  }

  /// Removes at most `limit` records that are older than their retention.
  package mutating func purgeRetained(limit: Int, at now: Timestamp) -> Int {
    let retained = Self.retained(at: now)
    var left = limit
    func oldest<Name: Comparable>(_ names: [Name]) -> ArraySlice<Name> {
      let some = names.sorted().prefix(left)
      left -= some.count
      return some
    }
    let tombstones = rows.filter { _, row in
      row.state.entry == nil && row.changedAt < retained
        && row.state.revision.number < retained.microseconds
    }
    for key in oldest(Array(tombstones.keys)) { rows[key] = nil }
    let old = operations.values.filter { $0.updatedAt < retained }
    for id in oldest(old.map(\.id.text)) { operations[OperationID(trusted: id)] = nil }
    for name in oldest(Array(kept.filter { $1.at < retained }.keys)) { kept[name] = nil }
    left -= outbox.removeSettled(before: retained, limit: left)
    return limit - left
  }
}
