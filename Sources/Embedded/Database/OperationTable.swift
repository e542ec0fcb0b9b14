import GRDB
import KeyValueStore

/// Records of queued writes. Not Sendable: it belongs to its connection's thread.
final class OperationTable {
  private let select: PreparedStatement
  private let insert: PreparedStatement

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    select = try PreparedStatement(
      "SELECT state, revision, updated_at FROM operations WHERE id = ?1", on: database)
    insert = try PreparedStatement(
      "INSERT INTO operations (id, state, revision, updated_at) VALUES (?1, ?2, ?3, ?4)",
      on: database)
  }

  /// The record of `id`, however old it is.
  func record(_ id: OperationID) throws(SQLiteFailure) -> OperationRecord? {
    select.bind(id.text, at: 1)
    guard try select.step() else { return nil }
    defer { select.reset() }
    guard let state = OperationRecord.State(rawValue: select.text(0)) else {
      throw SQLiteFailure(code: 1, message: "an operation has an unknown state")
    }
    return OperationRecord(
      id: id, state: state, revision: select.optionalNumber(1).map { Revision($0) },
      updatedAt: Timestamp(microseconds: select.number(2)))
  }

  /// Adds a record. Its id must be new.
  func add(_ record: OperationRecord) throws(SQLiteFailure) {
    insert.bind(record.id.text, at: 1)
    insert.bind(record.state.rawValue, at: 2)
    insert.bind(record.revision?.number, at: 3)
    insert.bind(record.updatedAt.microseconds, at: 4)
    try insert.run()
  }
}

/// First results of requests that may be repeated. Not Sendable: it belongs to the writer's thread.
final class IdempotencyTable {
  enum Finding {
    /// There is no result, or it is older than its retention.
    case new
    /// The first result of the same request, encoded.
    case replay([UInt8])
    /// There is a result of another request.
    case mismatch
  }

  private let select: PreparedStatement
  private let replace: PreparedStatement

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    select = try PreparedStatement(
      "SELECT fingerprint, outcome FROM idempotency WHERE name = ?1 AND created_at >= ?2",
      on: database)
    replace = try PreparedStatement(
      """
      INSERT INTO idempotency (name, fingerprint, outcome, created_at) VALUES (?1, ?2, ?3, ?4)
      ON CONFLICT (name) DO UPDATE
      SET fingerprint = ?2, outcome = ?3, created_at = ?4
      """, on: database)
  }

  /// Searches for a result that was stored under `key` since `oldest`.
  func find(_ key: IdempotencyKey, since oldest: Timestamp) throws(SQLiteFailure) -> Finding {
    select.bind(key.name, at: 1)
    select.bind(oldest.microseconds, at: 2)
    guard try select.step() else { return .new }
    defer { select.reset() }
    return select.bytes(0) == key.fingerprint ? .replay(select.bytes(1)) : .mismatch
  }

  /// Stores a first result.
  func keep(
    _ outcome: [UInt8], under key: IdempotencyKey, at now: Timestamp
  ) throws(SQLiteFailure) {
    replace.bind(key.name, at: 1)
    replace.bind(key.fingerprint, at: 2)
    replace.bind(now.microseconds, at: 4)
    try replace.lending(outcome, at: 3) { () throws(SQLiteFailure) in try replace.run() }
  }
}
