internal import HTTP
internal import Node

/// Answers operators and Prometheus: health and metrics.
final class OperatorHandler: HTTPHandler {
  private let metrics: AutoscalerMetrics
  private let isDraining: () -> Bool
  private let metricsText: () -> [UInt8]

  /// A handler of the loop.
  init(
    metrics: AutoscalerMetrics, isDraining: @escaping () -> Bool,
    metricsText: @escaping () -> [UInt8]
  ) {
    self.metrics = metrics
    self.isDraining = isDraining
    self.metricsText = metricsText
  }

  /// No request here has a body.
  func admit(_ head: RequestHead, id: RequestID) -> (RequestHead, bodyBytesMax: Int) { (head, 0) }

  func respond(to head: RequestHead, body: [UInt8]) async -> Response {
    guard let route = OperatorRoute(path: head.path) else {
      return ProblemResponse.make(
        .notFound, "kv-autoscaler answers at /health, /health/live, /health/ready and /metrics.")
    }
    guard [.get, .head].contains(head.method) else {
      var response = ProblemResponse.make(.methodNotAllowed, "This path allows GET, HEAD.")
      response.fields.append("Allow", "GET, HEAD")
      return response
    }
    switch route {
    case .health: return health()
    case .live: return HealthResponse.make(status: "alive")
    case .ready: return readiness()
    case .metrics: return MetricsResponse.make(metricsText())
    }
  }

  func respond(to problem: HTTPProblem, id: RequestID) -> Response {
    ProblemResponse.make(problem.status, problem.detail)
  }

  /// Without Prometheus nothing is scaled, which harms nobody at once: that is degraded.
  private func health() -> Response {
    let health = metrics.health
    let isHealthy = health.allSatisfy(\.isHealthy)
    return HealthResponse.make(
      .ok, status: isHealthy ? "healthy" : "degraded", components: health)
  }

  /// Ready: it has looked once, whatever it saw, and is not on the way out.
  private func readiness() -> Response {
    if isDraining() { return unavailable("kv-autoscaler is shutting down.") }
    guard metrics.hasDecided else { return unavailable("The first round is not over yet.") }
    return HealthResponse.make(status: "ready")
  }

  private func unavailable(_ detail: String) -> Response {
    var response = ProblemResponse.make(.serviceUnavailable, detail)
    response.fields.append("Retry-After", "1")
    return response
  }
}
