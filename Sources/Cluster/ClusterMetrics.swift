package import Observability
internal import Postgres
internal import RabbitMQ
internal import Redis
package import Service

/// Metrics of the services of a cluster that are read when Prometheus asks for them.
enum ClusterMetrics {
  /// Whether the master of Redis is known, and how many Sentinels name it.
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
