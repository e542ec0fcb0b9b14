import GRDB
import GRDBSQLite
import KeyValueStore

/// A thread that reads, on a connection of its own, next to the writer and other readers.
///
/// Not Sendable: made and run on its own thread.
final class Reader {
  private let file: DatabaseFile
  private let queue: JobQueue<ReadSession>
  private let counters: DatabaseCounters
  private let now: WallClock
  private var connection: ReadConnection?

  /// Few, so that calls spread over the readers, and some, so that a transaction's own cost (1.5 µs
  /// measured, against 1 µs a row) is shared under load.
  private static let jobsMax = 16

  init(
    file: DatabaseFile, connection: DatabaseQueue, queue: JobQueue<ReadSession>,
    counters: DatabaseCounters, now: @escaping WallClock
  ) {
    self.file = file
    self.queue = queue
    self.counters = counters
    self.now = now
    do {
      self.connection = try ReadConnection(connection)
    } catch {
      counters.failed(error)
    }
  }

  /// Works until the queue is closed and empty, then closes the connection.
  func run() {
    while let jobs = queue.take(jobsMax: Reader.jobsMax, weightMax: .max) { carryOut(jobs) }
    connection?.close()
  }

  private func carryOut(_ jobs: [any Job<ReadSession>]) {
    do {
      let connection = try connected()
      // The transaction starts after the calls were queued: they see what was acknowledged before.
      try connection.transaction(at: now()) { session throws(SQLiteFailure) in
        for job in jobs { try job.run(in: session) }
      }
      for job in jobs { job.finish(nil) }
    } catch {
      counters.failed(error)
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
