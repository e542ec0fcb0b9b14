internal import Observability
internal import Postgres
internal import Redis

/// What metrics tell of the services of a cluster, as this process sees them.
enum ClusterMetrics {
  /// The connections of one loop; those of several add up.
  static func samples(of database: PostgresStatistics) -> [MetricSample] {
    [
      MetricSample(MetricsCatalogue.databaseConnections, [], Double(database.connectionsOpen)),
      MetricSample(MetricsCatalogue.databaseTransactions, [], Double(database.exchanges)),
      MetricSample(MetricsCatalogue.databaseConflicts, [], Double(database.retries)),
      MetricSample(MetricsCatalogue.databaseFailures, [], Double(database.connectFailures)),
      MetricSample(MetricsCatalogue.unknownOutcomes, [], Double(database.unknownOutcomes)),
    ]
  }

  /// The caches of all loops.
  static func samples(of cache: RedisTotals) -> [MetricSample] {
    [
      MetricSample(MetricsCatalogue.redisServing, [], Double(cache.serving)),
      MetricSample(MetricsCatalogue.redisConnects, [], Double(cache.connects)),
      MetricSample(MetricsCatalogue.redisTimeouts, [], Double(cache.timeouts)),
      MetricSample(MetricsCatalogue.redisBypassed, [], Double(cache.bypassed)),
      MetricSample(MetricsCatalogue.redisRepairs, [], Double(cache.repairs)),
    ]
  }

  /// Writes on their way to the queue.
  static func samples(unconfirmed: Int) -> [MetricSample] {
    [MetricSample(MetricsCatalogue.queueOutstanding, [], Double(unconfirmed))]
  }
}
