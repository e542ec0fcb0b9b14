import KeyValueStore

/// Finds and removes what nobody needs any more, bucket by bucket.
enum Purging {
  /// The keys of entries that had expired by `time`, the oldest of each bucket. Rows: see
  /// `expired`.
  static func expired(by time: Int64, limit: Int) -> [Statement] {
    (0..<SQL.buckets).map { bucket in
      var parameters = Parameters()
      parameters.add(bucket)
      parameters.add(time)
      parameters.add(Int64(limit))
      return Statement(
        """
        SELECT key, expires_at FROM entries
        WHERE \(SQL.bucket(of: "revision")) = $1 AND expires_at <= $2
        ORDER BY expires_at LIMIT $3
        """, parameters)
    }
  }

  static func expired(_ rows: ResultSet, _ row: Int) -> (key: Key, at: Int64) {
    (Key(trusted: rows.bytes(row, 0)), rows.number(row, 1))
  }

  /// A table whose rows outlive their use.
  struct Table {
    let name: String
    let key: String
    /// When a row was written; what of it is to go.
    let time: String
    let bucketed: String
    var condition = ""
  }

  /// A tombstone whose revision lies in the future, as the clock was set back, has its use still:
  /// revisions must not run backwards.
  static let retained = [
    Table(
      name: "entries", key: "key", time: "updated_at", bucketed: "revision",
      condition: "AND value IS NULL AND revision < $2"),
    Table(name: "operations", key: "id", time: "updated_at", bucketed: "updated_at"),
    Table(name: "idempotency", key: "name", time: "created_at", bucketed: "created_at"),
  ]

  /// Removes at most `limit` rows of a bucket that were written before `time`, locked in the order
  /// of their keys as by everybody else. Rows: one each.
  static func removal(
    from table: Table, bucket: Int64, before time: Int64, limit: Int
  ) -> Statement {
    var parameters = Parameters()
    parameters.add(bucket)
    parameters.add(time)
    parameters.add(Int64(limit))
    return Statement(
      """
      DELETE FROM \(table.name) WHERE \(table.time) < $2 \(table.condition) AND \(table.key) IN (
        SELECT \(table.key) FROM \(table.name) WHERE \(table.key) IN (
          SELECT \(table.key) FROM \(table.name)
          WHERE \(SQL.bucket(of: table.bucketed)) = $1 AND \(table.time) < $2 \(table.condition)
          ORDER BY \(table.time) LIMIT $3)
        ORDER BY \(table.key) FOR UPDATE)
      RETURNING 1
      """, parameters)
  }

  /// Removes at most `limit` commits of a bucket that were settled and took place before `time`.
  /// Rows: one each.
  static func removalOfSettled(bucket: Int64, before time: Int64, limit: Int) -> Statement {
    var parameters = Parameters()
    parameters.add(bucket)
    parameters.add(time)
    parameters.add(Int64(limit))
    return Statement(
      """
      DELETE FROM outbox_batches WHERE bucket = $1 AND committed_at < $2 AND number IN (
        SELECT number FROM outbox_batches WHERE bucket = $1 AND committed_at < $2
        ORDER BY committed_at LIMIT $3)
      RETURNING 1
      """, parameters)
  }
}
