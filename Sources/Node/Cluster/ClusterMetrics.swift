internal import Observability
internal import Postgres
internal import Redis

/// What metrics tell of the services of a cluster, as this process sees them.
package enum ClusterMetrics {
  /// The connections of one loop; those of several add up.
  static func samples(of database: PostgresStatistics) -> [MetricSample] {
    [
      MetricSample(MetricsCatalogue.databaseConnections, [], Double(database.connectionsOpen)),
      MetricSample(MetricsCatalogue.databaseTransactions, [], Double(database.exchanges)),
      MetricSample(MetricsCatalogue.databaseConflicts, [], Double(database.retries)),
      MetricSample(MetricsCatalogue.databaseFailures, [], Double(database.connectFailures)),
      MetricSample(MetricsCatalogue.unknownOutcomes, [], Double(database.unknownOutcomes)),
      MetricSample(MetricsCatalogue.databaseCancellations, [], Double(database.cancellations)),
      MetricSample(MetricsCatalogue.databaseRejections, [], Double(database.rejections)),
    ]
  }

  /// The caches of all loops.
  static func samples(of cache: RedisTotals) -> [MetricSample] {
    [
      MetricSample(MetricsCatalogue.redisLoops, [], Double(cache.loops)),
      MetricSample(MetricsCatalogue.redisServing, [], Double(cache.serving)),
      MetricSample(MetricsCatalogue.redisConnects, [], Double(cache.connects)),
      MetricSample(MetricsCatalogue.redisTimeouts, [], Double(cache.timeouts)),
      MetricSample(MetricsCatalogue.redisBypassed, [], Double(cache.bypassed)),
      MetricSample(MetricsCatalogue.redisRepairs, [], Double(cache.repairs)),
    ]
  }

  /// Whether it is known which Redis is the master, and who says so.
  static func samples(of watch: SentinelWatch, master: RedisMaster) async -> [MetricSample] {
    [
      MetricSample(MetricsCatalogue.redisSentinels, [], Double(watch.sentinelCount)),
      MetricSample(MetricsCatalogue.redisSentinelsAnswering, [], Double(await watch.answering)),
      MetricSample(MetricsCatalogue.redisMasterCertain, [], master.isCertain ? 1 : 0),
    ]
  }
}
