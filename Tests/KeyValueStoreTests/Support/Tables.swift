import KeyValueStore

/// What an in-memory database holds. Copying it is a snapshot; keeping the copy, a rollback.
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

  /// The oldest time whose records are still honoured.
  static func retained(at now: Timestamp) -> Timestamp { now.adding(seconds: -86_400) }

  /// Frees names whose time is over, whether or not somebody has purged them.
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

  /// Carries out one write; a queued one gets a revision, and lives from `start` on.
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
    }
  }

  /// Carries out a write that may have been carried out before under the same name.
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

  /// Carries out a batch; on a copy, so that an atomic one that fails leaves nothing behind.
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
        outcomes.append(.write(outcome))
      }
    }
    self = copy
    return .completed(outcomes)
  }

  /// Carries out a batch that may have been carried out before under the same name.
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
    // One from the future takes the place of now.
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
      case .stored, .deleted: (state, revision, outcome) = (.applied, place, result)
      case .notFound:
        (state, revision, outcome) = (.applied, nil, result)
        leaveTombstone(for: queued.write.key, at: place, now: now)
      case .preconditionFailed(let current):
        (state, revision, outcome) = (.preconditionFailed, current, result)
      case .idempotencyMismatch: preconditionFailure("Queued writes have no idempotency key left")
      }
    }
    let record = OperationRecord(
      id: queued.id, state: state, revision: revision, updatedAt: now)
    operations[queued.id] = record
    return AppliedWrite(record: record, outcome: outcome)
  }

  /// A queued delete that finds nothing takes its place all the same. An expired entry stays, so
  /// that its purge is announced.
  private mutating func leaveTombstone(for key: Key, at place: Revision, now: Timestamp) {
    if let row = rows[key], row.entry != nil {
      rows[key]?.revision = place
    } else {
      rows[key] = Row(entry: nil, revision: place, updatedAt: now)
    }
  }
}
