import GRDB
import GRDBSQLite
import KeyValueStore

/// The writer's connection and its transactions. Not Sendable: the writer's thread only.
final class WriteConnection {
  private let queue: DatabaseQueue
  private var statements: Statements?
  /// Pages in the log after the last commit; written by SQLite's hook. Freed by `deinit`, after
  /// the connection, which knows its address, has been closed.
  private let logLength: UnsafeMutablePointer<Int32>

  /// What has to be let go of before the connection can be closed.
  private struct Statements {
    let session: WriteSession
    let begin: PreparedStatement
    let commit: PreparedStatement
    let rollback: PreparedStatement
    let repair: PreparedStatement
  }

  init(_ queue: DatabaseQueue, configuration: EmbeddedConfiguration) throws(SQLiteFailure) {
    self.queue = queue
    logLength = .allocate(capacity: 1)
    logLength.initialize(to: 0)
    do {
      statements = try queue.writeWithoutTransaction { database in
        // Replaces SQLite's own automatic checkpoints, which make the committing caller wait.
        // "The callback should return SQLITE_OK" (https://sqlite.org/c3ref/wal_hook.html).
        sqlite3_wal_hook(
          database.sqliteConnection,
          { context, _, _, pages in
            context?.storeBytes(of: pages, as: Int32.self)
            return SQLITE_OK
          }, logLength)
        return Statements(
          session: try WriteSession(
            on: database, retentionSeconds: configuration.retentionSeconds),
          begin: try PreparedStatement("BEGIN IMMEDIATE", on: database),
          commit: try PreparedStatement("COMMIT", on: database),
          rollback: try PreparedStatement("ROLLBACK", on: database),
          repair: try PreparedStatement("UPDATE repairs SET count = count + 1", on: database))
      }
    } catch {
      throw SQLiteFailure(error)
    }
  }

  deinit {
    close()
    logLength.deallocate()
  }

  /// Pages in the log after the last commit.
  var logPages: Int { Int(logLength.pointee) }

  /// Runs `body` in a transaction at `now` and returns, once it is durable, the number of writes in
  /// it.
  func transaction(
    at now: Timestamp, _ body: (WriteSession) throws(SQLiteFailure) -> Void
  ) throws(TransactionFailure) -> Int {
    try within { statements, database throws(TransactionFailure) in
      statements.session.begin(at: now)
      do throws(SQLiteFailure) {
        try statements.begin.run()
        try body(statements.session)
      } catch {
        WriteConnection.rollBack(statements, database)
        throw TransactionFailure(error)
      }
      do throws(SQLiteFailure) {
        try statements.commit.run()
      } catch {
        WriteConnection.rollBack(statements, database)
        throw TransactionFailure(error, mayHaveHappened: error.primaryCode == SQLITE_IOERR)
      }
      return statements.session.rows
    }
  }

  /// Commits a transaction that takes the place of one whose commit failed; see `Writer`.
  func overwriteLog() throws(SQLiteFailure) {
    do throws(TransactionFailure) {
      try within { statements, database throws(TransactionFailure) in
        do throws(SQLiteFailure) {
          try statements.begin.run()
          try statements.repair.run()
          try statements.commit.run()
        } catch {
          WriteConnection.rollBack(statements, database)
          throw TransactionFailure(error)
        }
      }
    } catch {
      throw error.failure
    }
  }

  /// Copies as much of the log into the database as no reader stands in the way of. `restarting`:
  /// also waits for the readers to finish, so that the log can be written from its start again.
  func checkpoint(restarting: Bool) throws(SQLiteFailure) {
    do throws(TransactionFailure) {
      try within { _, database throws(TransactionFailure) in
        let connection = database.sqliteConnection
        let mode = restarting ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE
        let code = sqlite3_wal_checkpoint_v2(connection, nil, mode, nil, nil)
        if code != SQLITE_OK { throw TransactionFailure(SQLiteFailure(of: connection)) }
      }
    } catch {
      throw error.failure
    }
  }

  /// Closes the connection; the object is of no more use.
  func close() {
    statements = nil
    // Fails only if it is closed already or a statement is left, and there is none.
    try? queue.close()
  }

  private func within<Result>(
    _ body: (Statements, GRDB.Database) throws(TransactionFailure) -> Result
  ) throws(TransactionFailure) -> Result {
    guard let statements else {
      throw TransactionFailure(
        SQLiteFailure(code: SQLITE_MISUSE, message: "the connection is closed"))
    }
    do {
      return try queue.writeWithoutTransaction { try body(statements, $0) }
    } catch {
      throw error as? TransactionFailure ?? TransactionFailure(SQLiteFailure(error))
    }
  }

  /// Some errors have rolled back already (https://sqlite.org/lang_transaction.html §3).
  private static func rollBack(_ statements: Statements, _ database: GRDB.Database) {
    guard sqlite3_get_autocommit(database.sqliteConnection) == 0 else { return }
    try? statements.rollback.run()
  }
}
