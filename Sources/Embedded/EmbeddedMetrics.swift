internal import Basics
public import Observability
internal import Synchronization

/// What the embedded database's threads count.
public struct EmbeddedMetrics: Sendable {
  /// Transactions that wrote something.
  public let commits: Counter
  /// The calls that these transactions served: the more per commit, the better the batching.
  public let calls: Counter
  public let rows: Counter
  public let checkpoints: Counter
  public let failures: Counter
  /// The calls that wait for a reader, and for the writer.
  public let queuedReads: Gauge
  public let queuedWrites: Gauge
  /// From the first statement to the end of the fsync.
  public let commitTime = TimeSpent()
  public let checkpointTime = TimeSpent()

  public init(in registry: MetricsRegistry) {
    commits = registry.counter(Self.commits)
    calls = registry.counter(Self.calls)
    rows = registry.counter(Self.rows)
    checkpoints = registry.counter(Self.checkpoints)
    failures = registry.counter(Self.failures)
    queuedReads = registry.gauge(Self.queue, [MetricLabel("work", "read")])
    queuedWrites = registry.gauge(Self.queue, [MetricLabel("work", "write")])
    registry.collect { [commitTime, checkpointTime] in
      [
        MetricSample(Self.commitSeconds, [], commitTime.total.seconds),
        MetricSample(Self.checkpointSeconds, [], checkpointTime.total.seconds),
      ]
    }
  }

  /// A transaction of `calls` calls made `rows` writes durable. One without writes, for instance a
  /// health check, is no commit.
  func committed(rows: Int, calls: Int, in duration: Duration) {
    if rows == 0 { return }
    commits.add()
    commitTime.add(duration)
    self.calls.add(calls)
    self.rows.add(rows)
  }

  /// The log was copied into the database.
  func checkpointed(in duration: Duration) {
    checkpoints.add()
    checkpointTime.add(duration)
  }

  /// Time that adds up. A `Counter` holds whole numbers, which can't be fractions of a second.
  public final class TimeSpent: Sendable {
    private let nanoseconds = Atomic<Int64>(0)

    func add(_ duration: Duration) {
      nanoseconds.wrappingAdd(duration.nanoseconds, ordering: .relaxed)
    }

    public var total: Duration { .nanoseconds(nanoseconds.load(ordering: .relaxed)) }
  }

  // MARK: Descriptions

  private static let commits = MetricDescription.counter(
    "kv_embedded_commits_total", "Transactions that carried out writes.")
  private static let commitSeconds = MetricDescription.counter(
    "kv_embedded_commit_seconds_total",
    "Time spent on these transactions, to the end of the fsync.")
  private static let calls = MetricDescription.counter(
    "kv_embedded_commit_calls_total", "Calls of all event loops that these transactions served.")
  private static let rows = MetricDescription.counter(
    "kv_embedded_rows_written_total", "Writes that these transactions carried out.")
  private static let checkpoints = MetricDescription.counter(
    "kv_embedded_checkpoints_total", "Times that the write-ahead log was copied into the database.")
  private static let checkpointSeconds = MetricDescription.counter(
    "kv_embedded_checkpoint_seconds_total", "Time spent on copying the write-ahead log.")
  private static let failures = MetricDescription.counter(
    "kv_embedded_failures_total", "Errors that SQLite reported.")
  private static let queue = MetricDescription.gauge(
    "kv_embedded_queue_calls", "Calls that wait for a thread of the database, by kind of work.")

  public static let catalogue = [
    commits, commitSeconds, calls, rows, checkpoints, checkpointSeconds, failures, queue,
  ]
}
