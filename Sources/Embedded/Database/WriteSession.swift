import GRDB
import KeyValueStore

/// What the writer works with inside one transaction. Not Sendable: its thread only.
final class WriteSession {
  let entries: EntryWriter
  let reader: EntryReader
  let operations: OperationTable
  let idempotency: IdempotencyTable
  private let purge: Purge
  private let savepoint: PreparedStatement
  private let release: PreparedStatement
  private let rollback: PreparedStatement
  private let retentionSeconds: Int64
  /// The time of the transaction.
  private(set) var now = Timestamp(microseconds: 0)
  /// Writes that the transaction carried out.
  private(set) var rows = 0

  init(on database: GRDB.Database, retentionSeconds: Int64) throws(SQLiteFailure) {
    entries = try EntryWriter(on: database)
    reader = try EntryReader(on: database)
    operations = try OperationTable(on: database)
    idempotency = try IdempotencyTable(on: database)
    purge = try Purge(on: database)
    savepoint = try PreparedStatement("SAVEPOINT batch", on: database)
    release = try PreparedStatement("RELEASE batch", on: database)
    rollback = try PreparedStatement("ROLLBACK TO batch", on: database)
    self.retentionSeconds = retentionSeconds
  }

  /// A transaction starts at `now`.
  func begin(at now: Timestamp) {
    self.now = now
    rows = 0
  }

  /// The oldest time whose records are still honoured.
  var retained: Timestamp { now.adding(seconds: -retentionSeconds) }

  /// Turns at most `limit` expired entries into tombstones.
  func purgeExpired(limit: Int) throws(SQLiteFailure) -> [Change] {
    let changes = try purge.expire(limit: limit, at: now)
    rows += changes.count
    return changes
  }

  /// Removes at most `limit` records that are older than their retention.
  func purgeRetained(limit: Int) throws(SQLiteFailure) -> Int {
    let removed = try purge.remove(limit: limit, before: retained)
    rows += removed
    return removed
  }

  /// Writes, unless the outcome of the same request is kept already.
  func write(_ write: Write) throws(SQLiteFailure) -> WriteReceipt {
    guard let key = write.idempotency else {
      return WriteReceipt(outcome: try carryOut(write))
    }
    switch try idempotency.find(key, since: retained) {
    case .mismatch:
      return WriteReceipt(outcome: .idempotencyMismatch)
    case .replay(let encoded):
      // One that can't be read any more is taken for another request's, which is safer than to
      // write twice.
      guard let outcome = WriteOutcome(encoded: encoded, of: write) else {
        return WriteReceipt(outcome: .idempotencyMismatch)
      }
      return WriteReceipt(outcome: outcome, isReplayed: true)
    case .new:
      let outcome = try carryOut(write)
      try idempotency.keep(outcome.encoded(), under: key, at: now)
      return WriteReceipt(outcome: outcome)
    }
  }

  /// Carries out a batch, unless the outcome of the same request is kept already.
  func execute(_ batch: Batch) throws(SQLiteFailure) -> BatchReceipt {
    guard let key = batch.idempotency else {
      return BatchReceipt(outcome: try carryOut(batch))
    }
    switch try idempotency.find(key, since: retained) {
    case .mismatch:
      return BatchReceipt(outcome: .idempotencyMismatch)
    case .replay(let encoded):
      guard let outcome = BatchOutcome(encoded: encoded, of: batch) else {
        return BatchReceipt(outcome: .idempotencyMismatch)
      }
      return BatchReceipt(outcome: outcome, isReplayed: true)
    case .new:
      let outcome = try carryOut(batch)
      try idempotency.keep(outcome.encoded(), under: key, at: now)
      return BatchReceipt(outcome: outcome)
    }
  }

  /// Applies a queued write, unless it has been recorded already.
  func apply(_ queued: QueuedWrite) throws(SQLiteFailure) -> AppliedWrite {
    if let record = try operations.record(queued.id) {
      return AppliedWrite(record: record, outcome: nil)
    }
    let applied = try entries.apply(queued, at: now, tombstonesSince: retained)
    rows += 1
    try operations.add(applied.record)
    return applied
  }

  private func carryOut(_ write: Write) throws(SQLiteFailure) -> WriteOutcome {
    rows += 1
    return try entries.write(write, at: now)
  }

  /// A failed condition undoes an atomic batch but not its neighbours in the transaction: it is
  /// carried out in a savepoint (https://sqlite.org/lang_savepoint.html).
  private func carryOut(_ batch: Batch) throws(SQLiteFailure) -> BatchOutcome {
    if batch.isAtomic { try savepoint.run() }
    var outcomes: [OperationOutcome] = []
    outcomes.reserveCapacity(batch.operations.count)
    var readBytesLeft = batch.readBytesMax
    for (index, operation) in batch.operations.enumerated() {
      switch operation {
      case .get(let key):
        let lookup = try reader.lookup(key, valueBytesMax: readBytesLeft, at: now)
        readBytesLeft -= lookup?.entry?.value.count ?? 0
        outcomes.append(lookup.map { .read($0) } ?? .readTooLarge)
      case .write(let write):
        let outcome = try carryOut(write)
        if batch.isAtomic, case .preconditionFailed(let current) = outcome {
          try rollback.run()
          try release.run()
          return .preconditionFailed(index: index, current: current)
        }
        outcomes.append(.write(outcome))
      }
    }
    if batch.isAtomic { try release.run() }
    return .completed(outcomes)
  }
}
