internal import EventLoop
internal import HTTP
internal import Logging
internal import Node
internal import Observability
internal import ServiceLifecycle
internal import UnixSignals

/// kv-autoscaler, put together: rounds of looking and acting on the side, and a server on one loop
/// that tells operators and Prometheus about them.
struct Autoscaler: Sendable {
  private let configuration: Configuration
  private let logger: Logger
  private let registry = MetricsRegistry()
  private let metrics: AutoscalerMetrics
  private let commander: Commander?
  private let watches: [ServiceWatch]

  /// Connects to nothing yet.
  /// - Parameters:
  ///   - isDryRun: whether decisions are only told.
  ///   - environment: what commands find in theirs.
  init(
    _ configuration: Configuration, isDryRun: Bool, environment: [String: String], logger: Logger
  ) {
    self.configuration = configuration
    self.logger = logger
    let runner = CommandRunner(timeout: configuration.commandTimeout, environment: environment)
    commander =
      isDryRun ? nil : configuration.command.map { Commander(template: $0, runner: runner) }
    let (address, timeout) = configuration.prometheus
    let prometheus = PrometheusClient(address, timeout: timeout)
    let backlogMin = Double(configuration.backlogMessagesMin)
    watches = configuration.watched.map {
      ServiceWatch(
        service: $0.service, queries: $0.queries, backlogMessagesMin: backlogMin,
        prometheus: prometheus)
    }
    metrics = AutoscalerMetrics(
      configuration.watched.map(\.service), registry: registry, isDryRun: commander == nil)
  }

  /// Works until the process is told to leave. Throws `ListenError`.
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
        metrics: metrics, isDraining: { state.isDraining },
        metricsText: { [registry] in registry.text() }),
      observer: ConnectionMetrics(registry: registry))
    let http = HTTPService(
      servers: [server], listeners: listeners, drainTime: configuration.drain)
    // What is last is shut down first: no more rounds, then no more answers about them.
    try await ServiceGroup(
      services: [http, scaling(every: configuration.interval)],
      gracefulShutdownSignals: [.sigterm, .sigint], logger: lifecycleLogger
    ).run()
    logger.notice("stopped")
  }

  /// One round. Nil: the process was told to leave before it was over.
  func runOnce() async throws -> Scaler.Result? {
    let scaling = scaling(every: nil)
    var services = ServiceGroupConfiguration(
      services: [
        .init(service: scaling, successTerminationBehavior: .gracefullyShutdownGroup)
      ], gracefulShutdownSignals: [.sigterm, .sigint], logger: lifecycleLogger)
    services.cancellationSignals = []
    try await ServiceGroup(configuration: services).run()
    return scaling.result.value
  }

  private func scaling(every interval: Duration?) -> ScalingService {
    ScalingService(
      makeScaler: { Scaler(watches, commander: commander, metrics: metrics, logger: logger) },
      interval: interval)
  }

  /// At debug, ServiceLifecycle describes each service with all that is in it.
  private var lifecycleLogger: Logger {
    var logger = logger
    logger.logLevel = max(logger.logLevel, .notice)
    return logger
  }
}
