import KeyValueStore

/// A transaction that reads rows under lock, has them decided here, and writes them back: two round
/// trips, or three with values. On a connection that it has for itself.
final class Transaction {
  /// What is to be locked.
  struct Scope {
    var keys: Set<Key> = []
    var names: Set<String> = []
    var operations: Set<OperationID> = []
    /// Commits that may have carried out already what is to be decided.
    var commits: Set<OutboxID> = []
    /// Whether all is to happen at one moment.
    ///
    /// That is so by the locks, as long as there is a row of each key: one that was read, or is
    /// added where none has come meanwhile. What rests on a row that is not there, and is not added
    /// either, has nothing to lock: it takes a serializable transaction. There, servers tell
    /// transactions apart by pages and spans, not by rows, and break off many that have nothing to
    /// do with each other.
    var isAtomic = false
    var isSerializable = false
  }

  private let pool: Pool
  private let connection: Connection
  private let retentionSeconds: Int64
  /// How long an exchange may take.
  private let deadline: Duration
  /// Whether COMMIT has been sent: from then on only its answer tells what became of it.
  private(set) var isCommitting = false

  init(pool: Pool, connection: Connection, retentionSeconds: Int64, deadline: Duration) {
    self.pool = pool
    self.deadline = deadline
    self.connection = connection
    self.retentionSeconds = retentionSeconds
  }

  /// Begins, and locks what is there of `scope`.
  func begin(_ scope: Scope) async throws(ExchangeError) -> Decisions {
    let isolation = scope.isSerializable ? "SERIALIZABLE" : "READ COMMITTED"
    var statements = [
      Statement("BEGIN ISOLATION LEVEL \(isolation)"), LockedEntries.lock(scope.keys.sorted()),
    ]
    if !scope.names.isEmpty { statements.append(Idempotency.lock(scope.names.sorted())) }
    // Behind the locks of their keys, so that none of them can still take place.
    if !scope.commits.isEmpty { statements.append(Outbox.commits(Array(scope.commits))) }
    if !scope.operations.isEmpty {
      statements.append(Operations.all(scope.operations.sorted { $0.text < $1.text }))
    }
    // Behind the locks: what others wrote before this is older.
    statements.append(Statement("SELECT \(SQL.now)"))
    let least = pool.clock.now
    var results = try await pool.exchange(on: connection, statements, within: deadline)[...]
      .dropFirst()
    let entries = results.removeFirst()
    let names = scope.names.isEmpty ? nil : results.removeFirst()
    let commits = scope.commits.isEmpty ? nil : results.removeFirst()
    let operations = scope.operations.isEmpty ? nil : results.removeFirst()
    let now = results.removeFirst().number(0, 0)
    pool.clock.hear(now, least: least)
    return Decisions(
      now: Timestamp(microseconds: now),
      retentionSeconds: retentionSeconds,
      states: (0..<entries.count).map { LockedEntries.state(entries, $0) },
      kept: names.map { rows in (0..<rows.count).map { Idempotency.row(rows, $0) } } ?? [],
      records: operations.map { rows in
        (0..<rows.count).compactMap { Operations.record(rows, $0) }
      } ?? [],
      commits: commits.map { rows in
        (0..<rows.count).map { Outbox.commit(rows, $0) }
      } ?? [])
  }

  /// Values of keys that are locked.
  func values(of keys: [Key]) async throws(ExchangeError) -> [(key: Key, value: [UInt8])] {
    let rows = try await pool.exchange(
      on: connection, [LockedEntries.values(keys)], within: deadline)[0]
    return (0..<rows.count).map { LockedEntries.value(rows, $0) }
  }

  /// Writes back what was decided, and commits.
  func commit(_ decisions: Decisions, outbox id: OutboxID) async throws(ExchangeError) {
    isCommitting = !decisions.isEmpty
    let statements = decisions.statements(outbox: id)
    _ = try await pool.exchange(
      on: connection, statements + [Statement("COMMIT")], within: deadline)
  }
}
