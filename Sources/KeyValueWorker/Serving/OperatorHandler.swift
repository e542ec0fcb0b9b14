import HTTP
import KeyValueStore
import Node
import RabbitMQ

/// Answers operators and Prometheus: health and metrics. Nobody else has business with a worker.
final class OperatorHandler: HTTPHandler {
  private let store: Store
  private let consumer: RabbitMQConsumer
  private let isDraining: () -> Bool
  private let metricsText: () async -> [UInt8]

  /// A handler of the worker's loop.
  init(
    store: Store, consumer: RabbitMQConsumer, isDraining: @escaping () -> Bool,
    metricsText: @escaping () async -> [UInt8]
  ) {
    self.store = store
    self.consumer = consumer
    self.isDraining = isDraining
    self.metricsText = metricsText
  }

  /// No request here has a body.
  func admit(_ head: RequestHead, id: RequestID) -> (RequestHead, bodyBytesMax: Int) { (head, 0) }

  func respond(to head: RequestHead, body: [UInt8]) async -> Response {
    guard let route = OperatorRoute(path: head.path) else {
      return ProblemResponse.make(
        .notFound, "A worker answers at /health, /health/live, /health/ready and /metrics.")
    }
    guard [.get, .head].contains(head.method) else {
      var response = ProblemResponse.make(.methodNotAllowed, "This path allows GET, HEAD.")
      response.fields.append("Allow", "GET, HEAD")
      return response
    }
    switch route {
    case .health: return HealthResponse.make(await health())
    case .live: return HealthResponse.make(status: "alive")
    case .ready: return await readiness()
    case .metrics: return MetricsResponse.make(await metricsText())
    }
  }

  func respond(to problem: HTTPProblem, id: RequestID) -> Response {
    ProblemResponse.make(problem.status, problem.detail)
  }

  /// The queue is well when writes are taken out of it, too.
  private func health() async -> StoreHealth {
    let health = await store.health()
    do throws(StoreError) {
      try consumer.checkHealth()
      return health
    } catch {
      let queue = StoreHealth.Component(name: .queue, isHealthy: false, detail: error.cause)
      return StoreHealth(
        components: health.components.map { $0.name == queue.name ? queue : $0 })
    }
  }

  /// Ready: not on the way out, and able to apply what is queued.
  private func readiness() async -> Response {
    if isDraining() { return unavailable("This worker is shutting down.") }
    if await store.health().status == .unhealthy {
      return unavailable("The database does not answer: what is queued waits.")
    }
    return HealthResponse.make(status: "ready")
  }

  private func unavailable(_ detail: String) -> Response {
    var response = ProblemResponse.make(.serviceUnavailable, detail)
    response.fields.append("Retry-After", "1")
    return response
  }
}
