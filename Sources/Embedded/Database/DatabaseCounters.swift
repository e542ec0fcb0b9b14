import GRDBSQLite
import KeyValueStore
import Synchronization

/// Counts what the database's threads do, for metrics.
final class DatabaseCounters: Sendable {
  private let counts = Mutex(Counts())

  private struct Counts {
    var commits = 0
    var commitTime = Duration.zero
    var calls = 0
    var rows = 0
    var checkpoints = 0
    var checkpointTime = Duration.zero
    var failures = 0
    var lastFailure: String?
  }

  /// `rows` writes of `calls` calls were made durable by one commit.
  func committed(rows: Int, calls: Int, duration: Duration) {
    // A health check and a batch of reads commit nothing.
    if rows == 0 { return }
    counts.withLock { counts in
      counts.commits += 1
      counts.commitTime += duration
      counts.calls += calls
      counts.rows += rows
    }
  }

  /// The log was copied into the database.
  func checkpointed(duration: Duration) {
    counts.withLock { counts in
      counts.checkpoints += 1
      counts.checkpointTime += duration
    }
  }

  /// SQLite reported an error.
  func failed(_ failure: SQLiteFailure) {
    counts.withLock { counts in
      counts.failures += 1
      counts.lastFailure = failure.cause
    }
  }

  /// All counts now, with the depths of the queues.
  func snapshot(queuedWrites: Int, queuedReads: Int) -> EmbeddedStatistics {
    counts.withLock { counts in
      EmbeddedStatistics(
        commits: counts.commits, commitTime: counts.commitTime, calls: counts.calls,
        rows: counts.rows, checkpoints: counts.checkpoints,
        checkpointTime: counts.checkpointTime, failures: counts.failures,
        lastFailure: counts.lastFailure, queuedWrites: queuedWrites, queuedReads: queuedReads)
    }
  }
}
