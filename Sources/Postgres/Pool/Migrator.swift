/// Brings the tables up to date. Any number of processes may do so at once.
struct Migrator {
  let connection: Connection
  /// For each statement: building an index of an old, large table may take more, and is then found
  /// done, or done by somebody else, at the next attempt.
  let deadline: Duration

  /// Returns how many steps were missing.
  func migrate() async throws(ExchangeError) -> Int {
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

  private func version() async throws(ExchangeError) -> Int64 {
    let results = try await connection.exchange(
      [Statement("SELECT coalesce(max(version), 0)::INT8 FROM migrations")], within: deadline)
    return results.first.map { $0.number(0, 0) } ?? 0
  }

  /// Two processes that create the same thing at once may get in each other's way even with IF NOT
  /// EXISTS: PostgreSQL reports a duplicate row of its catalogue (23505), CockroachDB a conflict.
  private func run(_ text: String) async throws(ExchangeError) {
    var backoff = Backoff()
    for attempt in 1...10 {
      do throws(ExchangeError) {
        _ = try await connection.exchange([Statement(text)], within: deadline * 5)
        return
      } catch {
        guard case .refused(let state, _) = error, attempt < 10,
          state.isConflict || ["23505", "42P07", "42710", "XX000"].contains(state.code)
        else { throw error }
        try? await Task.sleep(for: backoff.next() + .milliseconds(10))
      }
    }
  }
}
