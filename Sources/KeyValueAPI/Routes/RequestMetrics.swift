internal import HTTP
internal import Observability
internal import Service

/// Counts the requests of one loop. Not Sendable: it belongs to the loop's handler.
final class RequestMetrics {
  private let registry: MetricsRegistry
  private let inFlight: Gauge
  /// By route. There from the start, so that a query for a rate finds the metric.
  private let durations: [Histogram]
  private let statuses: StatusSet<String>
  /// By route, method and status; made when they are first needed, as most never are.
  private var counters: [Counter?]

  init(registry: MetricsRegistry) {
    self.registry = registry
    inFlight = registry.gauge(MetricsCatalogue.requestsInFlight)
    durations = Route.all.map { route in
      registry.histogram(MetricsCatalogue.requestSeconds, [MetricLabel("route", route.template)])
    }
    statuses = StatusSet(StatusSet<String>.answers) { $0 }
    let count = Route.all.count * RouteMethod.allCases.count * statuses.count
    counters = Array(repeating: nil, count: count)
    for route in Route.all {
      for method in RouteMethod.allCases where route.endpoint(for: method)?.isWatched == true {
        _ = counter(route, method, .internalServerError)
        _ = counter(route, method, .serviceUnavailable)
      }
    }
  }

  /// A request is being answered from now on.
  func began() { inFlight.add(1) }

  /// A request that began is answered.
  func ended() { inFlight.add(-1) }

  /// A request was answered, or refused.
  func count(_ request: AnsweredRequest) {
    durations[request.route.index].observe(request.duration)
    counter(request.route, RouteMethod(request.head.method), request.status).add()
  }

  private func counter(_ route: Route, _ method: RouteMethod, _ status: Status) -> Counter {
    let place = route.index * RouteMethod.allCases.count + method.rawValue
    let index = place * statuses.count + statuses.index(of: status)
    if let counter = counters[index] { return counter }
    let counter = registry.counter(
      MetricsCatalogue.requests,
      [
        MetricLabel("route", route.template), MetricLabel("method", method.name),
        MetricLabel("status", statuses[status]),
      ])
    counters[index] = counter
    return counter
  }
}
