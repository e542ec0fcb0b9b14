import GRDB
import KeyValueStore

/// Removes what is over, a bounded piece at a time. Not Sendable: belongs to the writer's thread.
final class Purge {
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
      // One whose revision lies in the future, as the clock was set back, has its use still.
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
