import GRDB
import GRDBSQLite
import KeyValueStore

/// A reader's connection and its transactions. Not Sendable: that reader's thread only.
final class ReadConnection {
  private let queue: DatabaseQueue
  private var statements: Statements?

  /// What has to be let go of before the connection can be closed.
  private struct Statements {
    let session: ReadSession
    let begin: PreparedStatement
    let end: PreparedStatement
  }

  init(_ queue: DatabaseQueue) throws(SQLiteFailure) {
    self.queue = queue
    do {
      statements = try queue.writeWithoutTransaction { database in
        Statements(
          session: try ReadSession(on: database),
          begin: try PreparedStatement("BEGIN", on: database),
          end: try PreparedStatement("ROLLBACK", on: database))
      }
    } catch {
      throw SQLiteFailure(error)
    }
  }

  deinit { close() }

  /// Runs `body` on one snapshot of the database.
  func transaction(
    at now: Timestamp, _ body: (ReadSession) throws(SQLiteFailure) -> Void
  ) throws(SQLiteFailure) {
    guard let statements else {
      throw SQLiteFailure(code: SQLITE_MISUSE, message: "the connection is closed")
    }
    do {
      try queue.writeWithoutTransaction { database in
        statements.session.now = now
        try statements.begin.run()
        defer {
          if sqlite3_get_autocommit(database.sqliteConnection) == 0 { try? statements.end.run() }
        }
        try body(statements.session)
      }
    } catch {
      throw error as? SQLiteFailure ?? SQLiteFailure(error)
    }
  }

  /// Closes the connection; the object is of no more use.
  func close() {
    statements = nil
    // Fails only if it is closed already or a statement is left, and there is none.
    try? queue.close()
  }
}
