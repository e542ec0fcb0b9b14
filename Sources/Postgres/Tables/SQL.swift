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

  /// What happened, in the column `outbox.kind`.
  enum Kind {
    static let delete: Int64 = 0
    static let put: Int64 = 1
    static let expire: Int64 = 2
  }

  /// What a conflicting insert changes in the row that is there. `excluded.updated_at` is now, and
  /// `excluded.revision` the least revision.
  static let replacement = """
    value = excluded.value, content_type = excluded.content_type,
    revision = greatest(entries.revision + 1, excluded.revision),
    version = CASE WHEN \(isDead(at: "excluded.updated_at")) THEN 1 ELSE entries.version + 1 END,
    created_at = CASE WHEN \(isDead(at: "excluded.updated_at"))
      THEN excluded.created_at ELSE entries.created_at END,
    updated_at = excluded.updated_at, expires_at = excluded.expires_at
    """

  /// The columns of an entry, as `EntryRow` reads them behind the key and the revision.
  static let columns =
    "entries.key, entries.revision, entries.version, entries.content_type, "
    + "entries.created_at, entries.updated_at, entries.expires_at"

  static let insertedColumns =
    "(key, value, content_type, revision, version, created_at, updated_at, expires_at)"

  /// Puts what `written` holds into the outbox, in the same statement.
  static let boxed = """
    boxed AS (
      INSERT INTO outbox
        (revision, key, kind, version, size, content_type, created_at, updated_at, expires_at)
      SELECT revision, key, CASE WHEN version > 0 THEN 1 ELSE 0 END, version, size, content_type,
        created_at, updated_at, expires_at
      FROM written WHERE version <> 0 RETURNING 1)
    """

  /// The columns that `boxed` needs and a writer is told.
  static let returning =
    "RETURNING entries.key, entries.revision, entries.version, entries.content_type, "
    + "entries.created_at, entries.updated_at, entries.expires_at, "
    + "coalesce(octet_length(entries.value), 0)::INT8 AS size"

  static let written =
    "SELECT key, revision, version, created_at, updated_at, expires_at FROM written"
}
