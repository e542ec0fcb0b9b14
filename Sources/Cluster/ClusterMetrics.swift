package import Observability
internal import Redis
internal import Service

/// What metrics tell of the services of a cluster, as this process sees them.
package enum ClusterMetrics {
  /// Whether it is known which Redis is the master, and who says so.
  static func samples(of watch: SentinelWatch, master: RedisMaster) async -> [MetricSample] {
    [
      MetricSample(RedisMetrics.sentinels, [], Double(watch.sentinelCount)),
      MetricSample(RedisMetrics.sentinelsAnswering, [], Double(await watch.answering)),
      MetricSample(RedisMetrics.masterCertain, [], master.isCertain ? 1 : 0),
    ]
  }

  /// Connections to the broker that were given up because nothing moved on them.
  package static func sample(stalls: Int, of connection: String) -> MetricSample {
    MetricSample(
      MetricsCatalogue.queueStalls, [MetricLabel("connection", connection)], Double(stalls))
  }

  /// Writes on their way to the queue.
  static func samples(unconfirmed: Int) -> [MetricSample] {
    [MetricSample(MetricsCatalogue.queueOutstanding, [], Double(unconfirmed))]
  }
}
