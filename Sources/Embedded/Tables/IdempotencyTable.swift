import GRDB
import KeyValueStore

/// First results of requests that may be repeated. Not Sendable: belongs to the writer's thread.
final class IdempotencyTable {
  /// What is kept under a name.
  enum Finding {
    /// Nothing, or nothing that is still to be honoured.
    case new
    /// The first result of the same request, encoded.
    case replay([UInt8])
    /// The first result of another request.
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

  /// What was kept under `key` since `oldest`.
  func find(_ key: IdempotencyKey, since oldest: Timestamp) throws(SQLiteFailure) -> Finding {
    select.bind(key.name, at: 1)
    select.bind(oldest.microseconds, at: 2)
    guard try select.step() else { return .new }
    defer { select.reset() }
    return select.bytes(0) == key.fingerprint ? .replay(select.bytes(1)) : .mismatch
  }

  /// Keeps a first result.
  func keep(
    _ outcome: [UInt8], under key: IdempotencyKey, at now: Timestamp
  ) throws(SQLiteFailure) {
    replace.bind(key.name, at: 1)
    replace.bind(key.fingerprint, at: 2)
    replace.bind(now.microseconds, at: 4)
    try replace.lending(outcome, at: 3) { () throws(SQLiteFailure) in try replace.run() }
  }
}
