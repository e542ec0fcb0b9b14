internal import HTTP
internal import Observability
internal import Service

/// Counts the requests of one loop. Not Sendable: it belongs to the loop's handler.
final class RequestMetrics {
  private let registry: MetricsRegistry
  private let inFlight: Gauge
  /// By route. There from the start: whoever asks for a rate must not find a metric missing.
  private let durations: [Histogram]
  private let statuses: StatusSet<String>
  /// By route, method and status; made when they are first needed, as most never are.
  private var counters: [Counter?]

  init(registry: MetricsRegistry) {
    self.registry = registry
    inFlight = registry.gauge(MetricsCatalogue.requestsInFlight)
    durations = Route.allCases.map { route in
      registry.histogram(
        MetricsCatalogue.requestSeconds, [MetricLabel("route", route.label.description)])
    }
    statuses = StatusSet(StatusSet<String>.answers) { $0 }
    let count = Route.allCases.count * MethodLabel.allCases.count * statuses.count
    counters = Array(repeating: nil, count: count)
    for (route, methods) in Self.watched {
      for method in methods {
        for status in [Status.internalServerError, .serviceUnavailable] {
          _ = counter(route, method, status)
        }
      }
    }
  }

  /// Server errors of these are counted from 0 on: a counter that appears with its first errors has
  /// not grown, as far as Prometheus can tell, and they would be seen by nobody.
  private static let watched: [(Route, [MethodLabel])] = [
    (.value, [.get, .head, .put, .delete]), (.keys, [.get, .put, .delete]), (.batch, [.post]),
  ]

  /// A request is being answered from now on.
  func began() { inFlight.add(1) }

  /// A request that began is answered.
  func ended() { inFlight.add(-1) }

  /// A request was answered, or refused.
  func count(_ exchange: Exchange) {
    durations[Int(exchange.route.rawValue)].observe(exchange.duration)
    counter(exchange.route, MethodLabel(exchange.head.method), exchange.status).add()
  }

  private func counter(_ route: Route, _ method: MethodLabel, _ status: Status) -> Counter {
    let place = Int(route.rawValue) * MethodLabel.allCases.count + Int(method.rawValue)
    let index = place * statuses.count + statuses.index(of: status)
    if let counter = counters[index] { return counter }
    let counter = registry.counter(
      MetricsCatalogue.requests,
      [
        MetricLabel("route", route.label.description), MetricLabel("method", method.text),
        MetricLabel("status", statuses[status]),
      ])
    counters[index] = counter
    return counter
  }
}
