/// Parts that several statements share, in the subset that CockroachDB and PostgreSQL have in
/// common.
enum SQL {
  /// The database's clock in µs: that of this moment, not of the transaction's start.
  static let now = "(extract(epoch FROM clock_timestamp()) * 1000000)::INT8"

  /// The clock, read once a statement: `WITH clock AS …`.
  static let clock = "clock AS (SELECT \(now) AS now)"

  /// Whether a row of `entries` is a tombstone, or its time was over at `time`; never NULL.
  static func isDead(at time: String) -> String {
    "(entries.value IS NULL OR coalesce(entries.expires_at <= \(time), false))"
  }

  /// The columns of an entry, as `EntryRow` reads them.
  static let columns =
    "entries.key, entries.revision, entries.version, entries.content_type, "
    + "entries.created_at, entries.updated_at, entries.expires_at"

  static let insertedColumns =
    "(key, value, content_type, revision, version, created_at, updated_at, expires_at)"

  /// Indexes on what grows with time begin with a number below this, so that on CockroachDB their
  /// inserts do not all meet in the last range. The low digits of a time in µs are as good as
  /// random.
  static let buckets: Int64 = 8

  /// The first column of such an index on a time or a revision. A query has to say the very same.
  static func bucket(of column: String) -> String { "(\(column) % \(buckets))" }
}
