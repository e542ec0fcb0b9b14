import GRDB
import GRDBSQLite
import KeyValueStore
import Observability

/// A thread that reads, on a connection of its own, in parallel with the writer and other readers.
///
/// Not Sendable: it is created and runs on its own thread.
final class Reader {
  private let file: DatabaseFile
  private let queue: JobQueue<ReadSession>
  private let metrics: EmbeddedMetrics
  private let jobsMax: Int
  private let now: WallClock
  private var connection: ReadConnection?

  /// Few, so that calls spread over the readers; more than one, so that under load calls share the
  /// cost of a transaction (measured: 1.5 µs, and 1 µs a row).
  static let sharedJobsMax = 16

  /// A reader that runs at most `jobsMax` calls in one transaction, and then answers them.
  init(
    file: DatabaseFile, connection: DatabaseQueue, queue: JobQueue<ReadSession>, jobsMax: Int,
    metrics: EmbeddedMetrics, now: @escaping WallClock
  ) {
    self.jobsMax = jobsMax
    self.file = file
    self.queue = queue
    self.metrics = metrics
    self.now = now
    do {
      self.connection = try ReadConnection(connection)
    } catch {
      metrics.failures.add()
    }
  }

  /// Works until the queue is closed and empty, then closes the connection.
  func run() {
    while let jobs = queue.take(jobsMax: jobsMax, weightMax: .max) { run(jobs) }
    connection?.close()
  }

  private func run(_ jobs: [any Job<ReadSession>]) {
    do {
      let connection = try connected()
      // The transaction starts after the calls were queued, so that they see all writes that were
      // acknowledged before.
      try connection.transaction(at: now()) { session throws(SQLiteFailure) in
        for job in jobs { try job.run(in: session) }
      }
      for job in jobs { job.finish(nil) }
    } catch {
      metrics.failures.add()
      if error.asksForReconnect {
        connection?.close()
        connection = nil
      }
      for job in jobs { job.finish(error.unavailable) }
    }
  }

  private func connected() throws(SQLiteFailure) -> ReadConnection {
    if let connection { return connection }
    do {
      let reopened = try ReadConnection(file.openReader())
      connection = reopened
      return reopened
    } catch {
      throw SQLiteFailure(error)
    }
  }
}

/// A reader's connection and its transactions. Not Sendable: it belongs to that reader's thread.
private final class ReadConnection {
  private let queue: DatabaseQueue
  private var statements: Statements?

  /// Released before the connection is closed.
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

  /// Closes the connection. The object can't be used afterwards.
  func close() {
    statements = nil
    // Fails only if the connection is closed already, or if a statement is left, which none is.
    try? queue.close()
  }
}

/// The tables inside one transaction of a reader. Not Sendable: it belongs to the reader's thread.
final class ReadSession {
  let entries: EntryReader
  let operations: OperationTable
  /// The time of the transaction.
  var now = Timestamp(microseconds: 0)

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    entries = try EntryReader(on: database)
    operations = try OperationTable(on: database)
  }
}
