import KeyValueStore

/// What a transaction has read under lock, and what it has decided: writes go in, and outcomes and
/// the statements that write them back come out. No I/O, no clock. A copy is a snapshot to go back
/// to.
struct Decisions {
  /// When everything takes effect, by the database's clock.
  let now: Timestamp
  /// How long the outcomes of idempotency keys are kept, in seconds.
  let retentionSeconds: Int64

  private let before: [Key: KeyState]
  private let kept: [String: Records.KeptOutcome]
  private var states: [Key: KeyState]
  /// The values that were put, and those that were read.
  private var values: [Key: [UInt8]] = [:]
  private var records: [OperationID: OperationRecord]
  /// The commits that may have applied queued writes already: the last revisions of their keys.
  private let commits: [OutboxID: [Key: Revision]]
  private var newRecords: [OperationRecord] = []
  private var outcomes: [Records.NewOutcome] = []
  /// What was changed, in order.
  private(set) var changes: [Change] = []

  init(
    now: Timestamp, retentionSeconds: Int64, states: [KeyState], kept: [Records.KeptOutcome],
    records: [OperationRecord], commits: [Outbox.Commit]
  ) {
    self.now = now
    self.retentionSeconds = retentionSeconds
    before = Dictionary(uniqueKeysWithValues: states.map { ($0.key, $0) })
    self.states = before
    self.kept = Dictionary(uniqueKeysWithValues: kept.map { ($0.name, $0) })
    self.records = Dictionary(uniqueKeysWithValues: records.map { ($0.id, $0) })
    self.commits = Dictionary(uniqueKeysWithValues: commits.map { ($0.id, $0.revisions) })
  }

  /// Whether there is nothing to write back.
  var isEmpty: Bool { changes.isEmpty && newRecords.isEmpty && outcomes.isEmpty }

  /// Whether a decision rests on one of these keys having no row, and it still has none.
  func restOnAbsence(of keys: Set<Key>) -> Bool {
    keys.contains { key in
      before[key] == nil && states[key].map { $0.revision == .none } ?? true
    }
  }

  // MARK: Deciding

  /// Decides a write, unless the outcome of the same request is kept already.
  mutating func writeOnce(_ write: Write) -> WriteReceipt {
    if let key = write.idempotency {
      switch find(key) {
      case .mismatch: return WriteReceipt(outcome: .idempotencyMismatch)
      case .replay(let bytes):
        // An outcome that can no longer be read is treated as that of another request, which is
        // safer than writing twice.
        guard let outcome = WriteOutcome(encoded: bytes, of: write) else {
          return WriteReceipt(outcome: .idempotencyMismatch)
        }
        return WriteReceipt(outcome: outcome, isReplayed: true)
      case .new: break
      }
    }
    let receipt = decide(write)
    if let key = write.idempotency { outcomes.append((key, receipt.outcome.encoded())) }
    return receipt
  }

  /// Executes a batch, unless the outcome of the same request is kept already.
  mutating func executeOnce(_ batch: Batch) -> BatchReceipt {
    guard let key = batch.idempotency else { return execute(batch) }
    switch find(key) {
    case .mismatch: return BatchReceipt(outcome: .idempotencyMismatch)
    case .replay(let bytes):
      guard let outcome = BatchOutcome(encoded: bytes, of: batch) else {
        return BatchReceipt(outcome: .idempotencyMismatch)
      }
      return BatchReceipt(outcome: outcome, isReplayed: true)
    case .new:
      let receipt = execute(batch)
      outcomes.append((key, receipt.outcome.encoded()))
      return receipt
    }
  }

  /// Applies a queued write, unless it is on record already, or took effect before it was queued.
  mutating func apply(_ queued: QueuedWrite) -> AppliedWrite {
    if let record = records[queued.id] { return AppliedWrite(record: record, outcome: nil) }
    let applied: AppliedWrite
    if let revision = queued.attempt.flatMap({ commits[$0]?[queued.write.key] }) {
      let record = OperationRecord(
        id: queued.id, state: .applied, revision: revision, updatedAt: now)
      applied = AppliedWrite(record: record, outcome: nil)
    } else {
      applied = withState(of: queued.write) { [now, retentionSeconds] in
        $0.apply(queued, at: now, tombstonesSince: now.adding(seconds: -retentionSeconds))
      }
    }
    if let change = applied.change(of: queued.write.key) { changes.append(change) }
    records[queued.id] = applied.record
    newRecords.append(applied.record)
    return applied
  }

  /// Turns an expired entry into a tombstone.
  mutating func expire(_ key: Key) -> Change? {
    guard let change = states[key]?.expire(at: now) else { return nil }
    changes.append(change)
    return change
  }

  private mutating func decide(_ write: Write) -> WriteReceipt {
    let receipt = withState(of: write) { [now] in $0.make(write, at: now) }
    if let change = receipt.change(of: write.key) { changes.append(change) }
    return receipt
  }

  private mutating func withState<Result>(
    of write: Write, _ body: (inout KeyState) -> Result
  ) -> Result {
    var state = states[write.key] ?? KeyState(key: write.key)
    let revision = state.revision
    let result = body(&state)
    if state.revision != revision, state.entry != nil, let value = state.value(storedBy: write) {
      values[write.key] = value
    }
    states[write.key] = state
    return result
  }

  // MARK: Batches

  /// The keys whose present values the gets of a batch will return, within its limit.
  func keysToRead(for batch: Batch) -> [Key] {
    var trial = self
    var keys: Set<Key> = []
    var bytesLeft = batch.readBytesMax
    for operation in batch.operations {
      switch operation {
      case .write(let write): _ = trial.decide(write)
      case .get(let key):
        guard let entry = trial.states[key]?.live(at: now), entry.size <= bytesLeft else {
          continue
        }
        bytesLeft -= entry.size
        if trial.values[key] == nil { keys.insert(key) }
      }
    }
    return keys.sorted()
  }

  /// Adds values that were read for a batch.
  mutating func add(_ read: [(key: Key, value: [UInt8])]) {
    for (key, value) in read { values[key] = value }
  }

  private mutating func execute(_ batch: Batch) -> BatchReceipt {
    let snapshot = self
    var outcomes: [OperationOutcome] = []
    outcomes.reserveCapacity(batch.operations.count)
    var bytesLeft = batch.readBytesMax
    for (index, operation) in batch.operations.enumerated() {
      switch operation {
      case .get(let key):
        outcomes.append(read(key, &bytesLeft))
      case .write(let write):
        let outcome = decide(write).outcome
        if batch.isAtomic, let undone = BatchOutcome(undoneBy: outcome, at: index) {
          self = snapshot
          return BatchReceipt(outcome: undone)
        }
        outcomes.append(.write(outcome))
      }
    }
    return BatchReceipt(
      outcome: .completed(outcomes),
      previous: changes[snapshot.changes.count...].map(\.previous))
  }

  private func read(_ key: Key, _ bytesLeft: inout Int) -> OperationOutcome {
    guard let state = states[key] else { return .read(.absent(.none)) }
    guard let entry = state.live(at: now) else { return .read(.absent(state.revision)) }
    guard entry.size <= bytesLeft, let value = values[key] else { return .readTooLarge }
    bytesLeft -= entry.size
    return .read(.found(Entry(metadata: entry, value: value)))
  }

  // MARK: Idempotency

  private enum Found {
    case new, mismatch
    case replay([UInt8])
  }

  private func find(_ key: IdempotencyKey) -> Found {
    if let row = outcomes.first(where: { $0.key.name == key.name }) {
      return row.key.fingerprint == key.fingerprint ? .replay(row.outcome) : .mismatch
    }
    guard let kept = kept[key.name], kept.createdAt > now.adding(seconds: -retentionSeconds) else {
      return .new
    }
    return kept.fingerprint == key.fingerprint ? .replay(kept.outcome) : .mismatch
  }

  // MARK: Writing back

  /// The statements that write back everything that was decided: a handful, however much it is.
  func statements(outbox id: OutboxID) -> [Statement] {
    var (inserted, updated): ([Entries.NewRow], [Entries.NewRow]) = ([], [])
    var (patched, advanced): ([KeyState], [KeyState]) = ([], [])
    for state in states.values.sorted(by: { $0.key < $1.key }) where state != before[state.key] {
      if state.revision == .none { continue }
      let row = (state: state, value: state.entry == nil ? nil : values[state.key])
      if before[state.key] == nil {
        inserted.append(row)
      } else if let entry = state.entry, entry == before[state.key]?.entry {
        advanced.append(state)
      } else if state.entry != nil, row.value == nil {
        patched.append(state)
      } else {
        updated.append(row)
      }
    }
    var statements: [Statement] = []
    if !inserted.isEmpty { statements.append(Entries.insert(inserted, at: now)) }
    if !updated.isEmpty { statements.append(Entries.update(updated, at: now)) }
    if !patched.isEmpty { statements.append(Entries.patch(patched)) }
    if !advanced.isEmpty { statements.append(Entries.advance(advanced)) }
    if !newRecords.isEmpty { statements.append(Records.insert(newRecords)) }
    let outdated = outcomes.filter { kept[$0.key.name] != nil }
    let fresh = outcomes.filter { kept[$0.key.name] == nil }
    if !fresh.isEmpty { statements.append(Records.insert(fresh, at: now)) }
    if !outdated.isEmpty { statements.append(Records.update(outdated, at: now)) }
    if !changes.isEmpty { statements.append(Outbox.insertion(changes, as: id, at: now)) }
    return statements
  }
}
