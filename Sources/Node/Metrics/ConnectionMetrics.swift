package import HTTP
package import Observability

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
