package import Observability
internal import Postgres
internal import Redis
package import Service

// What processes of a cluster count, kv-api and kv-worker alike.
extension MetricsCatalogue {
  package static let queueOutstanding = MetricDescription.gauge(
    "kv_queue_unconfirmed_messages", "Writes handed to RabbitMQ that it has not confirmed.")

  package static let queueStalls = MetricDescription.counter(
    "kv_queue_stalls_total",
    "Connections to RabbitMQ given up though they lived, by what they were for: nothing moved.")

  /// All of them.
  package static let cluster =
    PostgresMetrics.catalogue + RedisMetrics.catalogue + [queueOutstanding, queueStalls]
}
