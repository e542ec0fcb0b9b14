/// The tables, as steps that were taken one after the other. A step is never changed once it was
/// released; each can be repeated, as several processes may start at once.
///
/// Everything here is common to CockroachDB and PostgreSQL 15. Times are µs since 1970, as INT8:
/// both know the type, and nothing is rounded.
enum Migrations {
  /// What keeps account of them.
  static let table = """
    CREATE TABLE IF NOT EXISTS migrations (version INT8 PRIMARY KEY, applied_at INT8 NOT NULL)
    """

  /// The statements of each step; the first is version 1.
  static let steps: [[String]] = [
    [
      // A tombstone has no value; its version is -1, or 0 where there was nothing to delete.
      """
      CREATE TABLE IF NOT EXISTS entries (
        key BYTEA PRIMARY KEY, value BYTEA, content_type TEXT NOT NULL,
        revision INT8 NOT NULL, version INT8 NOT NULL,
        created_at INT8 NOT NULL, updated_at INT8 NOT NULL, expires_at INT8)
      """,
      """
      CREATE INDEX IF NOT EXISTS entries_expiry ON entries (expires_at)
      WHERE expires_at IS NOT NULL
      """,
      "CREATE INDEX IF NOT EXISTS entries_tombstones ON entries (updated_at) WHERE value IS NULL",
      // What was committed and is not settled: see `ChangeKind`.
      """
      CREATE TABLE IF NOT EXISTS outbox (
        revision INT8 NOT NULL, key BYTEA NOT NULL, kind INT8 NOT NULL,
        version INT8 NOT NULL, size INT8 NOT NULL, content_type TEXT NOT NULL,
        created_at INT8 NOT NULL, updated_at INT8 NOT NULL, expires_at INT8,
        PRIMARY KEY (revision, key))
      """,
      """
      CREATE TABLE IF NOT EXISTS operations (
        id TEXT PRIMARY KEY, state TEXT NOT NULL, revision INT8, updated_at INT8 NOT NULL)
      """,
      "CREATE INDEX IF NOT EXISTS operations_age ON operations (updated_at)",
      """
      CREATE TABLE IF NOT EXISTS idempotency (
        name BYTEA PRIMARY KEY, fingerprint BYTEA NOT NULL, outcome BYTEA NOT NULL,
        created_at INT8 NOT NULL)
      """,
      "CREATE INDEX IF NOT EXISTS idempotency_age ON idempotency (created_at)",
    ]
  ]
}
