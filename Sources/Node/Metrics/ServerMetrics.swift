package import HTTP
package import KeyValueStore
package import Observability

/// What the whole process tells when its metrics are asked for, beside what its loops have counted.
package enum ServerMetrics {
  /// Has `registry` tell of the process, the build, the log and the server's state.
  package static func register(
    in registry: MetricsRegistry, state: HTTPServerState, configuration: HTTPConfiguration,
    log: LogWriter, store: String
  ) {
    registry.collect { ProcessMetrics.samples() }
    registry.collect {
      [
        BuildInformation.sample(store: store),
        MetricSample(MetricsCatalogue.logLinesDropped, [], Double(log.linesDropped)),
        MetricSample(MetricsCatalogue.isDraining, [], state.isDraining ? 1 : 0),
        MetricSample(MetricsCatalogue.bodyBytesHeld, [], Double(state.bodyBytesHeld)),
        MetricSample(MetricsCatalogue.answerBytesHeld, [], Double(state.answerBytesHeld)),
        MetricSample(MetricsCatalogue.connectionsMax, [], Double(configuration.connectionsMax)),
      ]
    }
  }

  /// How full the cache is, for `MetricsRegistry.text(adding:)`: asking the cache takes an await.
  package static func samples(of cache: CacheStatistics) -> [MetricSample] {
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
}
