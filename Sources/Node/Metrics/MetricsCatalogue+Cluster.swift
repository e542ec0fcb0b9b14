package import Observability
internal import Redis

// What processes of a cluster count, kv-api and kv-worker alike.
extension MetricsCatalogue {
  package static let databaseConnections = MetricDescription.gauge(
    "kv_database_connections", "Connections to the database that are open.")
  package static let databaseTransactions = MetricDescription.counter(
    "kv_database_transactions_total", "Transactions sent to the database, reads included.")
  package static let databaseConflicts = MetricDescription.counter(
    "kv_database_conflicts_total", "Transactions that others were in the way of.")
  package static let databaseFailures = MetricDescription.counter(
    "kv_database_connection_failures_total", "Connections that could not be made, or hung.")
  package static let unknownOutcomes = MetricDescription.counter(
    "kv_database_unknown_outcomes_total", "Commits of which nobody knows whether they took place.")
  package static let databaseCancellations = MetricDescription.counter(
    "kv_database_cancellations_total", "Statements that took too long and were cancelled.")
  package static let databaseRejections = MetricDescription.counter(
    "kv_database_rejections_total", "Statements that the database refuses for good.")

  package static let queueOutstanding = MetricDescription.gauge(
    "kv_queue_unconfirmed_messages", "Writes handed to RabbitMQ that it has not confirmed.")

  package static let queueStalls = MetricDescription.counter(
    "kv_queue_stalls_total",
    "Connections to RabbitMQ given up though they lived, by what they were for: nothing moved.")

  /// All of them.
  package static let cluster =
    [
      databaseConnections, databaseTransactions, databaseConflicts, databaseFailures,
      unknownOutcomes, databaseCancellations, databaseRejections, queueOutstanding, queueStalls,
    ] + RedisMetrics.catalogue
}
