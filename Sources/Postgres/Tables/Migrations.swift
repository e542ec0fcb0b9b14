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
      // What was committed and is not settled, a row for each change.
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
    ],
    [
      // What was committed and is not settled, a row for each commit: see `Outbox`.
      """
      CREATE TABLE IF NOT EXISTS outbox_batches (
        bucket INT8 NOT NULL, committed_at INT8 NOT NULL, number INT8 NOT NULL,
        keys BYTEA[] NOT NULL, revisions INT8[] NOT NULL, versions INT8[] NOT NULL,
        sizes INT8[] NOT NULL, content_types TEXT[] NOT NULL, created INT8[] NOT NULL,
        updated INT8[] NOT NULL, expiring INT8[] NOT NULL,
        earlier_keys BYTEA[], earlier_steps INT8[], earlier_sizes INT8[], earlier_types TEXT[],
        earlier_lives INT8[],
        PRIMARY KEY (bucket, committed_at, number))
      """,
      // Indexes on a time alone made the last range hot: see `SQL.buckets`.
      """
      CREATE INDEX IF NOT EXISTS entries_by_expiry
      ON entries (\(SQL.bucket(of: "revision")), expires_at) WHERE expires_at IS NOT NULL
      """,
      """
      CREATE INDEX IF NOT EXISTS tombstones_by_age
      ON entries (\(SQL.bucket(of: "revision")), updated_at) WHERE value IS NULL
      """,
      """
      CREATE INDEX IF NOT EXISTS operations_by_age
      ON operations (\(SQL.bucket(of: "updated_at")), updated_at)
      """,
      """
      CREATE INDEX IF NOT EXISTS idempotency_by_age
      ON idempotency (\(SQL.bucket(of: "created_at")), created_at)
      """,
      "DROP INDEX IF EXISTS entries_expiry", "DROP INDEX IF EXISTS entries_tombstones",
      "DROP INDEX IF EXISTS operations_age", "DROP INDEX IF EXISTS idempotency_age",
    ],
  ]

  /// CockroachDB keeps deleted rows for as long as `gc.ttlseconds`, a day by default, and scans
  /// walk over them. Where the user may not say this, an operator should (SETUP.md).
  static let tuning = ["outbox_batches", "operations", "idempotency"].map {
    "ALTER TABLE \($0) CONFIGURE ZONE USING gc.ttlseconds = 600"
  }
}
