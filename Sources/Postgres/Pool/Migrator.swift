/// Brings the tables up to date. Any number of processes may do so at once.
struct Migrator {
  let connection: Connection
  /// For what reads and notes the version.
  let deadline: Duration
  /// For each other statement: building the index of a large table takes its time.
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
    try await run(Migrations.table)
    let version = try await version()
    for (index, statements) in Migrations.steps.enumerated().dropFirst(Int(version)) {
      for statement in statements { try await run(statement) }
      var parameters = Parameters()
      parameters.add(Int64(index + 1))
      _ = try await connection.exchange(
        [
          Statement(
            """
            INSERT INTO migrations (version, applied_at) VALUES ($1, \(SQL.now))
            ON CONFLICT (version) DO NOTHING
            """, parameters)
        ], within: deadline)
    }
    return Migrations.steps.count - Int(version)
  }

  /// Says what only CockroachDB knows, and only some users may say; at every start, as restoring a
  /// database loses it.
  private func tune() async {
    let version = try? await connection.exchange(
      [Statement("SELECT version()")], within: deadline)
    guard version?.first?.text(0, 0).hasPrefix("CockroachDB") == true else { return }
    for statement in Migrations.tuning {
      _ = try? await connection.exchange([Statement(statement)], within: deadline)
    }
  }

  private func version() async throws(ExchangeError) -> Int64 {
    let results = try await connection.exchange(
      [Statement("SELECT coalesce(max(version), 0)::INT8 FROM migrations")], within: deadline)
    return results.first.map { $0.number(0, 0) } ?? 0
  }

  /// Two processes that create or drop the same thing at once may get in each other's way even with
  /// IF NOT EXISTS: PostgreSQL reports a duplicate row of its catalogue (23505), CockroachDB a
  /// conflict, or that the other is in the middle of it (55000).
  private func run(_ text: String) async throws(ExchangeError) {
    var backoff = Backoff()
    for attempt in 1...Self.attemptsMax {
      do throws(ExchangeError) {
        _ = try await connection.exchange([Statement(text)], within: Self.buildTime)
        return
      } catch {
        guard case .refused(let state, _, _) = error, attempt < Self.attemptsMax,
          state.isConflict || ["23505", "42P07", "42710", "55000", "XX000"].contains(state.code)
        else { throw error }
        try? await Task.sleep(for: backoff.next() + .milliseconds(10))
      }
    }
  }
}
