import Foundation
import GRDB
import GRDBSQLite
import KeyValueStore

/// The thread that writes: it takes all calls that wait and commits them as one transaction.
///
/// Not Sendable: made and run on its own thread.
///
/// **What a failure means.** In WAL mode a transaction takes effect when its commit frame is in the
/// log with a checksum that covers all frames before it (https://sqlite.org/walformat.html §2.3).
/// - A failure before COMMIT, or of a *write* in COMMIT (no room, an I/O error): the commit frame
///   is the last to be written, so there is none. The transaction has not happened.
/// - A failure of COMMIT's *fsync*: SQLite forgets the transaction and nobody will see it, but its
///   frames are in the file, all of them valid, and perhaps on the disk. A process that died now
///   would find them when it opens the log again, and the transaction would have happened. SQLite's
///   next commit overwrites them at the same place, and with the first frame the chain of checksums
///   breaks. So the writer commits a small transaction of its own (`repairs`): if that succeeds the
///   failed one is gone for good, and its callers may be told that nothing was written. If it fails
///   too, the disk can't be asked, and the outcome is truly unknown.
///
/// An fsync that failed once may report success the next time without having written (Linux drops
/// the dirty flag of pages it could not write). That is why frames are always written again, never
/// just synced again; SQLite's checkpoints do the same, as they count nothing before their fsync.
final class Writer {
  private let file: DatabaseFile
  private let queue: JobQueue<WriteSession>
  private let counters: DatabaseCounters
  private let configuration: EmbeddedConfiguration
  private var connection: WriteConnection?
  /// When a new connection was last tried, in µs of the configured clock.
  private var reconnectedAt: Int64?
  /// Length of the log from which on a copy waits for readers.
  private var restartPages: Int

  init(
    file: DatabaseFile, connection: DatabaseQueue, queue: JobQueue<WriteSession>,
    counters: DatabaseCounters, configuration: EmbeddedConfiguration
  ) {
    self.file = file
    self.queue = queue
    self.counters = counters
    self.configuration = configuration
    restartPages = 4 * configuration.checkpointPages
    do {
      self.connection = try WriteConnection(connection, configuration: configuration)
    } catch {
      counters.failed(error)
    }
  }

  /// Works until the queue is closed and empty, then closes the connection, which copies the log
  /// into the database.
  func run() {
    while carryOutNext() {}
    connection?.close()
  }

  /// Waits for calls and commits them. False: the queue is closed and empty.
  @discardableResult
  func carryOutNext() -> Bool {
    let jobs = queue.take(
      jobsMax: configuration.queuedWritesMax, weightMax: configuration.commitBytesMax)
    guard let jobs else { return false }
    carryOut(jobs)
    checkpointIfDue()
    return true
  }

  private func carryOut(_ jobs: [any Job<WriteSession>]) {
    do {
      let connection = try connected()
      let start = ContinuousClock.now
      let rows = try connection.transaction(at: configuration.now()) {
        session throws(SQLiteFailure) in
        for job in jobs { try job.run(in: session) }
      }
      counters.committed(rows: rows, calls: jobs.count, duration: ContinuousClock.now - start)
      for job in jobs { job.finish(nil) }
    } catch {
      counters.failed(error.failure)
      let answer = verdict(on: error)
      for job in jobs { job.finish(answer) }
    }
  }

  /// What the callers of a failed transaction are told. See above.
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

  /// The connection, or a new one where the last one had to be given up; at most one try a second.
  private func connected() throws(TransactionFailure) -> WriteConnection {
    if let connection { return connection }
    let now = configuration.now().microseconds
    // Either way: the clock may be set back.
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

  /// Copies the log into the database once it is long enough. Callers have their answers by then:
  /// only those wait who have come since.
  ///
  /// A log is started again by the first commit after a complete copy that meets no reader. Where
  /// there is always one it would grow for ever (https://sqlite.org/wal.html §6), so that from four
  /// times the length on the copy waits for the readers, which never take long. A reader from
  /// outside may, a backup for instance: after each vain wait the log may grow to twice its length.
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
      counters.checkpointed(duration: ContinuousClock.now - start)
    } catch {
      // Nothing is lost: the log keeps growing, and the next transaction tries again.
      counters.failed(error)
    }
  }
}
