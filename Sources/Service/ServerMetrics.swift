internal import Basics
package import HTTP
package import Observability

/// The metrics of a process as a whole.
package enum ServerMetrics {
  /// Adds the process, the build, the log and the server's state to `registry`.
  /// - Parameter store: what keys are kept in.
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
}

/// Which build of the programs this is.
package enum BuildInformation {
  /// The version, also that of the API.
  package static let version = Release.version

  /// `kv_build_info`: always 1; its labels carry the information.
  fileprivate static func sample(store: String) -> MetricSample {
    MetricSample(
      MetricsCatalogue.build,
      [
        MetricLabel("version", version), MetricLabel("swift", Release.swift),
        MetricLabel("mode", Release.mode), MetricLabel("store", store),
      ], 1)
  }
}

/// Counts what happens on the connections of one loop.
package final class ConnectionMetrics: HTTPObserver, Sendable {
  private let open: Gauge
  private let accepted: Counter
  private let refusedConnections: Counter
  private let receivedBytes: Counter
  private let sentBytes: Counter
  private let refusedRequests: StatusSet<Counter>

  package init(registry: MetricsRegistry) {
    open = registry.gauge(MetricsCatalogue.connectionsOpen)
    accepted = registry.counter(MetricsCatalogue.connectionsAccepted)
    refusedConnections = registry.counter(MetricsCatalogue.connectionsRefused)
    receivedBytes = registry.counter(MetricsCatalogue.receivedBytes)
    sentBytes = registry.counter(MetricsCatalogue.sentBytes)
    refusedRequests = StatusSet(StatusSet<Counter>.refusals) { status in
      registry.counter(MetricsCatalogue.requestsRefused, [MetricLabel("status", status)])
    }
  }

  package func connectionOpened() {
    accepted.add()
    open.add(1)
  }

  package func connectionClosed() { open.add(-1) }
  package func connectionRefused() { refusedConnections.add() }
  package func received(bytes: Int) { receivedBytes.add(bytes) }
  package func sent(bytes: Int) { sentBytes.add(bytes) }
  package func refused(_ status: Status) { refusedRequests[status].add() }
}
