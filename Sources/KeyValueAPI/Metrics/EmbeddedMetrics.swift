internal import Embedded
internal import Observability
internal import Service

/// What metrics tell of the embedded database.
enum EmbeddedMetrics {
  /// What the embedded database has done, as samples.
  static func samples(of database: EmbeddedStatistics) -> [MetricSample] {
    [
      MetricSample(MetricsCatalogue.embeddedCommits, [], Double(database.commits)),
      MetricSample(MetricsCatalogue.embeddedCommitSeconds, [], seconds(database.commitTime)),
      MetricSample(MetricsCatalogue.embeddedCalls, [], Double(database.calls)),
      MetricSample(MetricsCatalogue.embeddedRows, [], Double(database.rows)),
      MetricSample(MetricsCatalogue.embeddedCheckpoints, [], Double(database.checkpoints)),
      MetricSample(
        MetricsCatalogue.embeddedCheckpointSeconds, [], seconds(database.checkpointTime)),
      MetricSample(MetricsCatalogue.embeddedFailures, [], Double(database.failures)),
      MetricSample(
        MetricsCatalogue.embeddedQueue, [MetricLabel("work", "read")],
        Double(database.queuedReads)),
      MetricSample(
        MetricsCatalogue.embeddedQueue, [MetricLabel("work", "write")],
        Double(database.queuedWrites)),
    ]
  }

  private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
}
