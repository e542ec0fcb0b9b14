import Basics

/// The tables, as steps that build on each other. A step is never changed once it was released;
/// each can be repeated, because several processes may start at once.
///
/// Everything here is common to CockroachDB and PostgreSQL 15. Times are µs since 1970, as INT8:
/// both know the type, and nothing is rounded.
enum Migrations {
  /// The table of the steps that were taken.
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
      // The changes that are not settled, a row for each change.
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
      // The changes that are not settled, a row for each commit: see `Outbox`.
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
    [
      // The revision of a key's last change, and that of the change before it, which its event
      // tells: see `Entries.following`. NULL: a process that did not know the columns wrote it.
      "ALTER TABLE entries ADD COLUMN IF NOT EXISTS changed INT8",
      "ALTER TABLE entries ADD COLUMN IF NOT EXISTS previous INT8",
      "ALTER TABLE outbox_batches ADD COLUMN IF NOT EXISTS previous INT8[]",
    ],
  ]

  /// CockroachDB keeps deleted rows for `gc.ttlseconds`, a day by default, and scans read over
  /// them. If the user lacks the privilege for this, an operator should do it (SETUP.md).
  static let tuning = ["outbox_batches", "operations", "idempotency"].map {
    "ALTER TABLE \($0) CONFIGURE ZONE USING gc.ttlseconds = 600"
  }
}

/// Brings the tables up to date. Any number of processes may do so at once.
struct Migrator {
  let connection: Connection
  /// How long reading and recording the version may take.
  let deadline: Duration
  /// How long each other statement may take: building the index of a large table takes its time.
  private static let buildTime = Duration.seconds(600)
  private static let attemptsMax = 60

  /// Returns how many steps were missing.
  func migrate() async throws(ExchangeError) -> Int {
    let count = try await bringUpToDate()
    await tune()
    return count
  }

  private func bringUpToDate() async throws(ExchangeError) -> Int {
    // Mostly there is nothing to do: creating what exists would take locks for nothing.
    if let version = try? await version(), version >= Migrations.steps.count { return 0 }
    try await build(Migrations.table)
    let version = try await version()
    for (index, statements) in Migrations.steps.enumerated().dropFirst(Int(version)) {
      for statement in statements { try await build(statement) }
      var parameters = Parameters()
      parameters.add(Int64(index + 1))
      let record = Statement(
        """
        INSERT INTO migrations (version, applied_at) VALUES ($1, \(SQL.now))
        ON CONFLICT (version) DO NOTHING
        """, parameters)
      _ = try await connection.exchange([record], within: deadline)
    }
    return Migrations.steps.count - Int(version)
  }

  /// Sets what only CockroachDB has, and only some users may set; at every start, because restoring
  /// a database loses it.
  private func tune() async {
    let product = Query("SELECT version()") { $0.text(0) }
    let answer = try? await connection.exchange(product, within: deadline)
    guard answer?.first?.hasPrefix("CockroachDB") == true else { return }
    for statement in Migrations.tuning {
      _ = try? await connection.exchange([Statement(statement)], within: deadline)
    }
  }

  private func version() async throws(ExchangeError) -> Int64 {
    let version = Query("SELECT coalesce(max(version), 0)::INT8 FROM migrations") { $0.number(0) }
    return try await connection.exchange(version, within: deadline).first ?? 0
  }

  /// Two processes that create or drop the same thing at once may get in each other's way even with
  /// IF NOT EXISTS: PostgreSQL reports a duplicate row of its catalogue (23505), CockroachDB a
  /// conflict, or that the other process is in the middle of it (55000; of a column, 42701).
  private func build(_ text: String) async throws(ExchangeError) {
    var backoff = Backoff(first: .milliseconds(20), longest: .seconds(1))
    for attempt in 1...Self.attemptsMax {
      do throws(ExchangeError) {
        _ = try await connection.exchange([Statement(text)], within: Self.buildTime)
        return
      } catch {
        guard case .refused(let state, _, _) = error, attempt < Self.attemptsMax,
          state.isConflict
            || ["23505", "42701", "42P07", "42710", "55000", "XX000"].contains(state.code)
        else { throw error }
        try? await Task.sleep(for: backoff.next())
      }
    }
  }
}
