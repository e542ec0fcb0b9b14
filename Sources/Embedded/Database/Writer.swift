import GRDB
import GRDBSQLite
import KeyValueStore
import Observability

/// The thread that writes: it takes all calls that wait and commits them as one transaction.
///
/// Not Sendable: it is created and runs on its own thread.
///
/// **What a failure means.** In WAL mode a transaction takes effect when its commit frame is in the
/// log with a checksum that covers all frames before it (https://sqlite.org/walformat.html §2.3).
/// - A failure before COMMIT, or of a *write* in COMMIT (no room, an I/O error): the commit frame
///   is the last to be written, so there is none. The transaction has not happened.
/// - A failure of COMMIT's *fsync*: SQLite forgets the transaction and no reader sees it, but its
///   frames are in the file, all of them valid, and perhaps on the disk. If the process died now,
///   the next one would find them when it opens the log, and the transaction would have happened.
///   SQLite's next commit overwrites them at the same place, and with the first frame the chain of
///   checksums breaks. So the writer commits a small transaction of its own (`repairs`). If that
///   succeeds, the failed one is gone for good, and its callers learn that nothing was written. If
///   it fails too, nothing can be learned from the disk, and the outcome is truly unknown.
///
/// An fsync that failed once may report success the next time without having written (Linux drops
/// the dirty flag of pages it could not write). That is why frames are always written again, never
/// just synced again. SQLite's checkpoints do the same: what they copied counts after their fsync.
final class Writer {
  private let file: DatabaseFile
  private let queue: JobQueue<WriteSession>
  private let metrics: EmbeddedMetrics
  private let configuration: EmbeddedConfiguration
  private var connection: WriteConnection?
  /// The number of the next commit. Those of a failed transaction are used again, so that none is
  /// missing.
  private var nextCommit: Int64 = 0
  /// The time of the last attempt to open a new connection, in µs of the configured clock.
  private var reconnectedAt: Int64?
  /// The length of the log, in pages, from which on a copy waits for readers.
  private var restartPages: Int

  init(
    file: DatabaseFile, connection: DatabaseQueue, queue: JobQueue<WriteSession>,
    metrics: EmbeddedMetrics, configuration: EmbeddedConfiguration
  ) {
    self.file = file
    self.queue = queue
    self.metrics = metrics
    self.configuration = configuration
    restartPages = 4 * configuration.checkpointPages
    do {
      self.connection = try WriteConnection(connection, configuration: configuration)
    } catch {
      metrics.failures.add()
    }
  }

  /// Works until the queue is closed and empty, then closes the connection, which copies the log
  /// into the database.
  func run() {
    while commitNext() {}
    connection?.close()
  }

  /// Waits for calls and commits them. False: the queue is closed and empty.
  @discardableResult
  func commitNext() -> Bool {
    let jobs = queue.take(
      jobsMax: configuration.queuedWritesMax, weightMax: configuration.commitBytesMax)
    guard let jobs else { return false }
    commit(jobs)
    checkpointIfDue()
    return true
  }

  private func commit(_ jobs: [any Job<WriteSession>]) {
    do {
      let connection = try connected()
      let start = ContinuousClock.now
      let session = try connection.transaction(at: configuration.now(), commit: nextCommit) {
        session throws(SQLiteFailure) in
        for job in jobs { try job.run(in: session) }
      }
      nextCommit = session.nextCommit
      metrics.committed(rows: session.rows, calls: jobs.count, in: ContinuousClock.now - start)
      for job in jobs { job.finish(nil) }
    } catch {
      metrics.failures.add()
      let answer = verdict(on: error)
      for job in jobs { job.finish(answer) }
    }
  }

  /// The error for the callers of a failed transaction. See above.
  private func verdict(on error: TransactionFailure) -> StoreError {
    guard error.mayHaveHappened, let connection else {
      if error.failure.asksForReconnect { disconnect() }
      return error.failure.unavailable
    }
    do {
      try connection.overwriteLog()
      return error.failure.unavailable
    } catch {
      disconnect()
      return .outcomeUnknown(cause: error.cause)
    }
  }

  private func disconnect() {
    connection?.close()
    connection = nil
  }

  /// The connection, or a new one if the last one had to be closed; at most one attempt a second.
  private func connected() throws(TransactionFailure) -> WriteConnection {
    if let connection { return connection }
    let now = configuration.now().microseconds
    // `abs`, because the clock may be set back.
    if let reconnectedAt, abs(now - reconnectedAt) < 1_000_000 {
      throw TransactionFailure(
        SQLiteFailure(code: SQLITE_CANTOPEN, message: "the database is being opened again"))
    }
    reconnectedAt = now
    do {
      let reopened = try WriteConnection(file.openWriter(), configuration: configuration)
      connection = reopened
      return reopened
    } catch {
      throw TransactionFailure(SQLiteFailure(error))
    }
  }

  /// Copies the log into the database once it is long enough. The callers of the last commit have
  /// their answers by then; only later calls wait.
  ///
  /// The first commit after a complete copy that meets no reader starts the log again. Where there
  /// is always a reader, the log would grow for ever (https://sqlite.org/wal.html §6), so that from
  /// four times the length on, the copy waits for the readers, which never take long. A reader of
  /// another process may take long, for instance a backup: after each failed wait, the log may grow
  /// to twice its length.
  private func checkpointIfDue() {
    guard let connection, connection.logPages >= configuration.checkpointPages else { return }
    let pages = connection.logPages
    if pages < 4 * configuration.checkpointPages {
      restartPages = 4 * configuration.checkpointPages
    }
    let start = ContinuousClock.now
    do {
      let isRestarting = pages >= restartPages
      if isRestarting { restartPages = 2 * pages }
      try connection.checkpoint(restarting: isRestarting)
      metrics.checkpointed(in: ContinuousClock.now - start)
    } catch {
      // Nothing is lost: the log grows, and the writer tries again after the next transaction.
      metrics.failures.add()
    }
  }
}

/// Why a transaction was not committed.
private struct TransactionFailure: Error {
  let failure: SQLiteFailure
  /// Whether the log may contain the whole transaction all the same; see `Writer`.
  let mayHaveHappened: Bool

  init(_ failure: SQLiteFailure, mayHaveHappened: Bool = false) {
    self.failure = failure
    self.mayHaveHappened = mayHaveHappened
  }
}

/// The writer's connection and its transactions. Not Sendable: it belongs to the writer's thread.
private final class WriteConnection {
  private let queue: DatabaseQueue
  private var statements: Statements?
  /// Pages in the log after the last commit. SQLite's hook writes it. `deinit` frees it after the
  /// connection, which has its address, was closed.
  private let logLength: UnsafeMutablePointer<Int32>

  /// Released before the connection is closed.
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
        // Replaces SQLite's automatic checkpoints, for which the committing caller would wait.
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

  /// Runs `body` in a transaction at `now`, and returns its session once its writes are durable.
  func transaction(
    at now: Timestamp, commit: Int64, _ body: (WriteSession) throws(SQLiteFailure) -> Void
  ) throws(TransactionFailure) -> WriteSession {
    try within { statements, database throws(TransactionFailure) in
      statements.session.begin(at: now, commit: commit)
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
      return statements.session
    }
  }

  /// Commits a transaction that overwrites one whose commit failed; see `Writer`.
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

  /// Copies as much of the log into the database as the readers permit. `restarting`: also waits
  /// for the readers to finish, so that the log starts again.
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

  /// Closes the connection. The object can't be used afterwards.
  func close() {
    statements = nil
    // Fails only if the connection is closed already, or if a statement is left, which none is.
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

  /// After some errors, SQLite has rolled back already
  /// (https://sqlite.org/lang_transaction.html §3).
  private static func rollBack(_ statements: Statements, _ database: GRDB.Database) {
    guard sqlite3_get_autocommit(database.sqliteConnection) == 0 else { return }
    try? statements.rollback.run()
  }
}
