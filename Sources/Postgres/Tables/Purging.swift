import KeyValueStore

/// Finds and removes rows that have outlived their use, bucket by bucket.
enum Purging {
  /// The keys of entries that had expired by `time`, with their expiry: the oldest of each bucket.
  static func expired(by time: Int64, limit: Int) -> [Query<(key: Key, expiresAt: Int64)>] {
    (0..<SQL.buckets).map { bucket in
      Query(
        """
        SELECT key, expires_at FROM entries
        WHERE \(SQL.bucket(of: "revision")) = $1 AND expires_at <= $2
        ORDER BY expires_at LIMIT $3
        """, parameters(bucket: bucket, time: time, limit: limit)
      ) { ($0.key(0), $0.number(1)) }
    }
  }

  /// A table whose rows outlive their use.
  struct Table {
    let name: String
    let key: String
    /// The column that says when a row was written.
    let time: String
    let bucketed: String
    /// Which rows are removed.
    var condition = ""
  }

  /// A tombstone whose revision lies in the future, because the clock was set back, is still
  /// needed: revisions must not run backwards.
  static let retained = [
    Table(
      name: "entries", key: "key", time: "updated_at", bucketed: "revision",
      condition: "AND value IS NULL AND revision < $2"),
    Table(name: "operations", key: "id", time: "updated_at", bucketed: "updated_at"),
    Table(name: "idempotency", key: "name", time: "created_at", bucketed: "created_at"),
  ]

  /// Removes at most `limit` rows of a bucket that were written before `time`, locked in the order
  /// of their keys, as every statement does. Returns a row for each.
  static func removal(
    from table: Table, bucket: Int64, before time: Int64, limit: Int
  ) -> Statement {
    Statement(
      """
      DELETE FROM \(table.name) WHERE \(table.time) < $2 \(table.condition) AND \(table.key) IN (
        SELECT \(table.key) FROM \(table.name) WHERE \(table.key) IN (
          SELECT \(table.key) FROM \(table.name)
          WHERE \(SQL.bucket(of: table.bucketed)) = $1 AND \(table.time) < $2 \(table.condition)
          ORDER BY \(table.time) LIMIT $3)
        ORDER BY \(table.key) FOR UPDATE)
      RETURNING 1
      """, parameters(bucket: bucket, time: time, limit: limit))
  }

  /// Removes at most `limit` commits of a bucket that were settled and took place before `time`.
  /// Returns a row for each.
  static func removalOfSettled(bucket: Int64, before time: Int64, limit: Int) -> Statement {
    Statement(
      """
      DELETE FROM outbox_batches WHERE bucket = $1 AND committed_at < $2 AND number IN (
        SELECT number FROM outbox_batches WHERE bucket = $1 AND committed_at < $2
        ORDER BY committed_at LIMIT $3)
      RETURNING 1
      """, parameters(bucket: bucket, time: time, limit: limit))
  }

  private static func parameters(bucket: Int64, time: Int64, limit: Int) -> Parameters {
    var parameters = Parameters()
    parameters.add(bucket)
    parameters.add(time)
    parameters.add(Int64(limit))
    return parameters
  }
}
