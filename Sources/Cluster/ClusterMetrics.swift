package import Observability
internal import Postgres
internal import RabbitMQ
internal import Redis
package import Service

/// What metrics tell of the services of a cluster, as this process sees them.
enum ClusterMetrics {
  /// Whether it is known which Redis is the master, and who says so.
  static func samples(of watch: SentinelWatch, master: RedisMaster) async -> [MetricSample] {
    [
      MetricSample(RedisMetrics.sentinels, [], Double(watch.sentinelCount)),
      MetricSample(RedisMetrics.sentinelsAnswering, [], Double(await watch.answering)),
      MetricSample(RedisMetrics.masterCertain, [], master.isCertain ? 1 : 0),
    ]
  }
}

extension MetricsCatalogue {
  /// The metrics of the services of a cluster, the same in kv-api and kv-worker.
  package static let cluster =
    PostgresMetrics.catalogue + RedisMetrics.catalogue + RabbitMQMetrics.catalogue
}
