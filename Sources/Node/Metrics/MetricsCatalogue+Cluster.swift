package import Observability
internal import RabbitMQ

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

  package static let redisLoops = MetricDescription.gauge(
    "kv_redis_loops", "Event loops that have a cache in Redis.")
  package static let redisServing = MetricDescription.gauge(
    "kv_redis_loops_serving", "Event loops that use Redis now; fewer than all: it is bypassed.")
  package static let redisSentinels = MetricDescription.gauge(
    "kv_redis_sentinels", "Sentinels that are asked for the master; 0: the address is fixed.")
  package static let redisSentinelsAnswering = MetricDescription.gauge(
    "kv_redis_sentinels_answering", "Sentinels that named the master within the last second.")
  package static let redisMasterCertain = MetricDescription.gauge(
    "kv_redis_master_certain",
    "1 while a majority of the Sentinels names the same master, or its address is fixed.")
  package static let redisConnects = MetricDescription.counter(
    "kv_redis_connects_total", "Connections made to Redis.")
  package static let redisTimeouts = MetricDescription.counter(
    "kv_redis_timeouts_total", "Connections to Redis given up because an answer took too long.")
  package static let redisBypassed = MetricDescription.counter(
    "kv_redis_bypassed_total", "Look-ups that Redis was not asked for: away, or not trusted.")
  package static let redisRepairs = MetricDescription.counter(
    "kv_redis_repairs_total", "Keys whose failed update was made good.")

  /// All of them.
  package static let cluster =
    [
      databaseConnections, databaseTransactions, databaseConflicts, databaseFailures,
      unknownOutcomes, databaseCancellations, databaseRejections, redisLoops, redisServing,
      redisSentinels, redisSentinelsAnswering, redisMasterCertain, redisConnects, redisTimeouts,
      redisBypassed, redisRepairs,
    ] + RabbitMQMetrics.catalogue
}
