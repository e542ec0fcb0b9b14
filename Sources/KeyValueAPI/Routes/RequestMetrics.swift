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
  private let refused: LabelledCounters<RefusalReason>
  /// By route, method and status; made when they are first needed, as most never are.
  private var counters: [Counter?]

  init(registry: MetricsRegistry) {
    self.registry = registry
    inFlight = registry.gauge(MetricsCatalogue.requestsInFlight)
    durations = Route.all.map { route in
      registry.histogram(MetricsCatalogue.requestSeconds, [MetricLabel("route", route.template)])
    }
    statuses = StatusSet(StatusSet<String>.answers) { $0 }
    refused = LabelledCounters(MetricsCatalogue.refused, by: "reason", in: registry)
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
    if let problem = request.problem, let reason = RefusalReason(problem.type) {
      refused[reason].add()
    }
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

/// Why a request is refused, though nothing is wrong with what it asks for.
enum RefusalReason: String, CaseIterable, Sendable {
  /// It has no token, or one that is not known.
  case token
  /// Its token does not allow it: scope or prefix.
  case scope
  /// A page of another site has sent it, or to a name that is not this server's.
  case origin
  /// Its token sends more than it may.
  case rate
  /// The server has too much to do.
  case overload

  /// Nil: the problem is of the request itself, or of the store.
  init?(_ type: ProblemType) {
    switch type {
    case .unauthorized: self = .token
    case .forbidden: self = .scope
    case .crossSite, .foreignHost: self = .origin
    case .tooManyRequests: self = .rate
    case .overloaded: self = .overload
    default: return nil
    }
  }
}

extension MetricsCatalogue {
  static let refused = MetricDescription.counter(
    "kv_api_refused_total", "Requests refused for their sender or for the load, by reason.")

  /// The metrics of requests that only kv-api has.
  static let requesting = [refused]
}
