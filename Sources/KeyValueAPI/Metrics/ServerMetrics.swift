internal import Embedded
internal import HTTP
internal import KeyValueStore
internal import Observability

/// What the whole process tells when its metrics are asked for, beside what its loops have counted.
enum ServerMetrics {
  /// Has `registry` tell of the process, the build, the log and the server's state.
  static func register(
    in registry: MetricsRegistry, state: HTTPServerState, configuration: HTTPConfiguration,
    log: LogWriter
  ) {
    registry.collect { ProcessMetrics.samples() }
    registry.collect {
      [
        BuildInformation.sample,
        MetricSample(MetricsCatalogue.logLinesDropped, [], Double(log.linesDropped)),
        MetricSample(MetricsCatalogue.isDraining, [], state.isDraining ? 1 : 0),
        MetricSample(MetricsCatalogue.bodyBytesHeld, [], Double(state.bodyBytesHeld)),
        MetricSample(MetricsCatalogue.answerBytesHeld, [], Double(state.answerBytesHeld)),
        MetricSample(MetricsCatalogue.connectionsMax, [], Double(configuration.connectionsMax)),
      ]
    }
  }

  /// How full the cache is, for `MetricsRegistry.text(adding:)`: asking the cache takes an await.
  static func samples(of cache: CacheStatistics) -> [MetricSample] {
    var samples = [
      MetricSample(MetricsCatalogue.cacheKeys, [], Double(cache.keys)),
      MetricSample(MetricsCatalogue.cacheBytes, [], Double(cache.bytes)),
      MetricSample(MetricsCatalogue.cacheEvictions, [], Double(cache.evictions)),
    ]
    if let most = cache.bytesMax {
      samples.append(MetricSample(MetricsCatalogue.cacheBytesMax, [], Double(most)))
    }
    return samples
  }

  /// What the embedded database has done, for a collector of the registry.
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
