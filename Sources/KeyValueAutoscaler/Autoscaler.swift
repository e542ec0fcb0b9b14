internal import EventLoop
internal import HTTP
internal import Logging
internal import Observability
internal import Service

/// kv-autoscaler, put together: rounds that measure and act, and a server on one loop that shows
/// operators and Prometheus what they did.
struct Autoscaler: Sendable {
  private let configuration: Configuration
  private let logger: Logger
  private let registry = MetricsRegistry()
  private let metrics: AutoscalerMetrics
  private let commander: Commander?
  private let watches: [ServiceWatch]

  /// Connects to nothing yet.
  /// - Parameter isDryRun: whether decisions are logged but not acted on.
  init(_ configuration: Configuration, isDryRun: Bool, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
    let runner = CommandRunner(
      timeout: configuration.commandTimeout, environment: configuration.commandEnvironment)
    commander =
      isDryRun ? nil : configuration.command.map { Commander(template: $0, runner: runner) }
    let (address, timeout) = configuration.prometheus
    let prometheus = PrometheusClient(address, timeout: timeout)
    let backlogMin = Double(configuration.backlogWritesMin)
    watches = configuration.watched.map {
      ServiceWatch(
        service: $0.service, queries: $0.queries, backlogWritesMin: backlogMin,
        prometheus: prometheus)
    }
    metrics = AutoscalerMetrics(
      configuration.watched.map(\.service), registry: registry, isDryRun: commander == nil)
  }

  /// Works until the process is asked to stop. Throws `ListenError`.
  func run(on loop: EventLoop, log: LogWriter) async throws {
    let state = HTTPServerState()
    ServerMetrics.register(
      in: registry, state: state, configuration: HTTPConfiguration(), log: log, store: "none")
    let listeners = try Listener.open(configuration.listen, count: 1)
    loop.start()
    logger.notice("watching", metadata: ["address": "\(listeners[0].address)"])
    let server = HTTPServer(
      loop: loop, configuration: HTTPConfiguration(), state: state, logger: logger,
      handler: OperatorHandler(
        program: "kv-autoscaler", health: { [metrics] in Self.health(metrics) },
        obstacle: { [metrics] in
          if state.isDraining { return "kv-autoscaler is shutting down." }
          return metrics.hasDecided ? nil : "The first round is not over yet."
        }, metricsText: { [registry] in registry.text() }),
      observer: ConnectionMetrics(registry: registry))
    let http = HTTPService(
      servers: [server], listeners: listeners, drainTime: configuration.drain)
    // What is last is shut down first: no more rounds, then no more answers about them.
    try await Lifecycle.run([http, scaling(every: configuration.interval)], logger: logger)
    logger.notice("stopped")
  }

  /// One round. Nil: the process was told to leave before it was over.
  func runOnce() async throws -> Scaler.Outcome? {
    let scaling = scaling(every: nil)
    try await Lifecycle.run(untilEndOf: scaling, logger: logger)
    return scaling.result.value
  }

  private func scaling(every interval: Duration?) -> ScalingService {
    ScalingService(
      makeScaler: { Scaler(watches, commander: commander, metrics: metrics, logger: logger) },
      interval: interval)
  }

  /// Without Prometheus nothing is scaled, which does no harm at once: that is degraded.
  private static func health(_ metrics: AutoscalerMetrics) -> Response {
    let health = metrics.health
    let isHealthy = health.allSatisfy(\.isHealthy)
    return HealthResponse.make(
      .ok, status: isHealthy ? "healthy" : "degraded", components: health)
  }
}
