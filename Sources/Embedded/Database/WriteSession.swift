import GRDB
import KeyValueStore

/// The tables inside one transaction of the writer. Not Sendable: it belongs to the writer's
/// thread.
final class WriteSession {
  let operations: OperationTable
  private let entries: EntryWriter
  private let reader: EntryReader
  private let idempotency: IdempotencyTable
  private let purge: Purge
  private let savepoint: PreparedStatement
  private let release: PreparedStatement
  private let rollback: PreparedStatement
  private let retentionSeconds: Int64
  /// The time of the transaction.
  private var now = Timestamp(microseconds: 0)
  /// Writes of the transaction.
  private(set) var rows = 0
  /// The number of the next call that changes something; see `EmbeddedChangeFeed`.
  private(set) var nextCommit: Int64 = 0

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

  /// `commit` is the number of its first call that changes something.
  func begin(at now: Timestamp, commit: Int64) {
    self.now = now
    rows = 0
    nextCommit = commit
  }

  /// A name for the changes of a call, if it has made any.
  private func name(for changes: Bool) -> OutboxID? {
    guard changes else { return nil }
    defer { nextCommit += 1 }
    return OutboxID(committedAt: now, number: nextCommit)
  }

  /// The oldest time whose records are still valid.
  private var retained: Timestamp { now.adding(seconds: -retentionSeconds) }

  /// Turns at most `limit` expired entries into tombstones.
  func purgeExpired(limit: Int) throws(SQLiteFailure) -> OutboxBatch {
    let changes = try purge.expire(limit: limit, at: now)
    rows += changes.count
    return OutboxBatch(id: name(for: !changes.isEmpty), changes: changes)
  }

  /// Removes at most `limit` records that are older than their retention.
  func purgeRetained(limit: Int) throws(SQLiteFailure) -> Int {
    let removed = try purge.remove(limit: limit, before: retained)
    rows += removed
    return removed
  }

  /// The writes of one call.
  func write(each writes: [Write]) throws(SQLiteFailure) -> [WriteReceipt] {
    var receipts: [WriteReceipt] = []
    receipts.reserveCapacity(writes.count)
    for write in writes { receipts.append(try self.write(write)) }
    guard let id = name(for: receipts.contains { $0.outcome.hasWritten && !$0.isReplayed }) else {
      return receipts
    }
    for index in receipts.indices where !receipts[index].isReplayed {
      receipts[index].outbox = id
    }
    return receipts
  }

  /// Writes, or returns the stored outcome of the same request.
  private func write(_ write: Write) throws(SQLiteFailure) -> WriteReceipt {
    guard let key = write.idempotency else {
      return WriteReceipt(outcome: try writeEntry(write))
    }
    switch try idempotency.find(key, since: retained) {
    case .mismatch:
      return WriteReceipt(outcome: .idempotencyMismatch)
    case .replay(let encoded):
      // An outcome that can't be decoded is treated as that of another request, which is safer than
      // to write twice.
      guard let outcome = WriteOutcome(encoded: encoded, of: write) else {
        return WriteReceipt(outcome: .idempotencyMismatch)
      }
      return WriteReceipt(outcome: outcome, isReplayed: true)
    case .new:
      let outcome = try writeEntry(write)
      try idempotency.keep(outcome.encoded(), under: key, at: now)
      return WriteReceipt(outcome: outcome)
    }
  }

  /// Executes a batch, or returns the stored outcome of the same request.
  func execute(_ batch: Batch) throws(SQLiteFailure) -> BatchReceipt {
    guard let key = batch.idempotency else {
      return receipt(try executeOperations(of: batch), of: batch)
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
      let outcome = try executeOperations(of: batch)
      try idempotency.keep(outcome.encoded(), under: key, at: now)
      return receipt(outcome, of: batch)
    }
  }

  private func receipt(_ outcome: BatchOutcome, of batch: Batch) -> BatchReceipt {
    var hasWritten = false
    if case .completed(let outcomes) = outcome {
      hasWritten = !batch.writesMade(outcomes).isEmpty
    }
    return BatchReceipt(outcome: outcome, outbox: name(for: hasWritten))
  }

  /// Applies the queued writes of one call, except those that have been recorded already.
  func apply(_ queued: [QueuedWrite]) throws(SQLiteFailure) -> [AppliedWrite] {
    var applied: [AppliedWrite] = []
    applied.reserveCapacity(queued.count)
    for write in queued { applied.append(try apply(write)) }
    let id = name(for: applied.contains { $0.outcome?.hasWritten == true })
    for index in applied.indices { applied[index].outbox = id }
    return applied
  }

  private func apply(_ queued: QueuedWrite) throws(SQLiteFailure) -> AppliedWrite {
    if let record = try operations.record(queued.id) {
      return AppliedWrite(record: record, outcome: nil)
    }
    let applied = try entries.apply(queued, at: now, tombstonesSince: retained)
    rows += 1
    try operations.add(applied.record)
    return applied
  }

  private func writeEntry(_ write: Write) throws(SQLiteFailure) -> WriteOutcome {
    rows += 1
    return try entries.write(write, at: now)
  }

  /// An atomic batch runs in a savepoint (https://sqlite.org/lang_savepoint.html), so that a false
  /// condition undoes the batch but not its neighbours in the transaction.
  private func executeOperations(of batch: Batch) throws(SQLiteFailure) -> BatchOutcome {
    if batch.isAtomic { try savepoint.run() }
    var outcomes: [OperationOutcome] = []
    outcomes.reserveCapacity(batch.operations.count)
    var readBytesLeft = batch.readBytesMax
    for (index, operation) in batch.operations.enumerated() {
      switch operation {
      case .get(let key):
        let lookup = try reader.lookUp(key, valueBytesMax: readBytesLeft, at: now)
        readBytesLeft -= lookup?.entry?.value.count ?? 0
        outcomes.append(lookup.map { .read($0) } ?? .readTooLarge)
      case .write(let write):
        let outcome = try writeEntry(write)
        if batch.isAtomic, let undone = BatchOutcome(undoneBy: outcome, at: index) {
          try rollback.run()
          try release.run()
          return undone
        }
        outcomes.append(.write(outcome))
      }
    }
    if batch.isAtomic { try release.run() }
    return .completed(outcomes)
  }
}

/// Purges all tables, a bounded number of rows at a time. Not Sendable: it belongs to the writer's
/// thread.
private final class Purge {
  private let expire: PreparedStatement
  private let removals: [PreparedStatement]

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    expire = try PreparedStatement(
      """
      UPDATE entries SET revision = max(revision + 1, expires_at), version = 0, updated_at = ?1,
        expires_at = NULL, content_type = '', value = NULL
      WHERE id IN (SELECT id FROM entries WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
      RETURNING key, revision
      """, on: database)
    let aged = [
      // A tombstone with a revision in the future, after the clock was set back, is still needed.
      ("entries", "id", "version = 0 AND updated_at < ?1 AND revision < ?1"),
      ("operations", "id", "updated_at < ?1"),
      ("idempotency", "id", "created_at < ?1"),
    ]
    var removals: [PreparedStatement] = []
    for (table, id, isOver) in aged {
      let sql = """
        DELETE FROM \(table)
        WHERE \(id) IN (SELECT \(id) FROM \(table) WHERE \(isOver) LIMIT ?2)
        """
      removals.append(try PreparedStatement(sql, on: database))
    }
    self.removals = removals
  }

  /// Turns at most `limit` expired entries into tombstones.
  func expire(limit: Int, at now: Timestamp) throws(SQLiteFailure) -> [Change] {
    expire.bind(now.microseconds, at: 1)
    expire.bind(Int64(limit), at: 2)
    var changes: [Change] = []
    while try expire.step() {
      changes.append(
        Change(
          key: Key(trusted: expire.bytes(0)), revision: Revision(expire.number(1)),
          kind: .expire))
    }
    return changes
  }

  /// Removes at most `limit` tombstones, operations and idempotency keys from before `oldest`.
  func remove(limit: Int, before oldest: Timestamp) throws(SQLiteFailure) -> Int {
    var removed = 0
    for removal in removals where removed < limit {
      removal.bind(oldest.microseconds, at: 1)
      removal.bind(Int64(limit - removed), at: 2)
      try removal.run()
      removed += removal.changes
    }
    return removed
  }
}
