import Cluster
import EventLoop
import HTTP
import KeyValueStore
import Logging
import Observability
import Service
import ServiceLifecycle
import Telemetry

/// kv-api, put together: what the process has once, what each event loop has, and how it ends.
struct Server: Sendable {
  private let configuration: Configuration
  private let logger: Logger
  private let registry: MetricsRegistry
  private let state = HTTPServerState()
  private let inFlight = IdempotencyRegistry()
  private let watchPlaces: WatchPlaces
  private let authenticator: TokenAuthenticator?
  private let backend: any Backend
  private let loops: [EventLoop]
  private let warnings: RepeatedWarnings
  private let audit: AuditLog?
  /// Nil: no request is recorded.
  private let tracing: Tracing?

  /// Throws if the audit log can't be opened.
  init(
    _ configuration: Configuration, backend: any Backend, loops: [EventLoop],
    registry: MetricsRegistry, logger: Logger, log: LogWriter
  ) throws(AuditFileError) {
    self.configuration = configuration
    self.backend = backend
    self.loops = loops
    self.registry = registry
    self.logger = logger
    warnings = RepeatedWarnings(logger: logger)
    // There even without a log, so that a query for a rate finds them.
    let auditMetrics = AuditMetrics(registry: registry)
    audit =
      if let path = configuration.auditPath {
        try AuditLog(path: path, metrics: auditMetrics, logger: logger, warnings: warnings)
      } else { nil }
    let traceMetrics = TelemetryMetrics(in: registry)
    tracing = configuration.telemetry.map {
      Tracing(
        $0, program: "kv-api", on: loops[0], drain: configuration.drain, metrics: traceMetrics,
        logger: logger)
    }
    watchPlaces = WatchPlaces(countMax: configuration.limits.watchersMax)
    authenticator =
      if case .tokens(let file, _) = configuration.access { TokenAuthenticator(file) } else { nil }
    ServerMetrics.register(
      in: registry, state: state, configuration: configuration.http, log: log,
      store: backend.name)
  }

  /// Runs until the process is asked to stop, and closes the backend after the last request. Throws
  /// `ListenError`.
  func run() async throws {
    let listeners = try Listener.open(configuration.listen, count: loops.count)
    // Pages are made once; no loop is to be held up by that.
    _ = WebPage.console
    for loop in loops { loop.start() }
    let http = HTTPService(
      servers: loops.indices.map { makeHTTPServer(number: $0) }, listeners: listeners,
      drainTime: configuration.drain, warmUp: { [backend] in await backend.warmUp() })
    logger.notice(
      "serving",
      metadata: [
        "address": "\(listeners[0].address)", "loops": "\(loops.count)", "store": "\(backend.name)",
      ])
    // The last is shut down first: requests end before what they need.
    try await Lifecycle.run(
      first + backend.services + upkeep + reload + [http],
      logger: logger)
    await backend.close()
    if audit?.flush() == false { logger.warning("the last lines of the audit log are lost") }
    logger.notice("stopped")
  }

  private var first: [any Service] {
    let warnings = WarningsService(warnings: warnings)
    return tracing.map { [warnings, $0] } ?? [warnings]
  }

  private var upkeep: [any Service] {
    guard backend.needsPurging else { return [] }
    return [
      RoundsService.purging(
        on: loops[0].executor, makeStore: { makeStore(number: 0) }, logger: logger)
    ]
  }

  private var reload: [any Service] {
    var actions: [@Sendable () -> Void] = []
    if case .tokens(_, let path) = configuration.access, let authenticator {
      let tokens = TokensReload(path: path, authenticator: authenticator, logger: logger)
      actions.append { tokens.reload() }
    }
    if let audit { actions.append { audit.reopen() } }
    return ReloadService(actions).map { [$0] } ?? []
  }
}

// MARK: - What each event loop has

extension Server {
  private func makeHTTPServer(number: Int) -> HTTPServer {
    HTTPServer(
      loop: loops[number], configuration: configuration.http, state: state, logger: logger,
      handler: makeHandler(number: number), observer: ConnectionMetrics(registry: registry))
  }

  private func makeStore(number: Int) -> Store {
    backend.makeStore(
      on: loops[number], number: number, inFlight: inFlight, registry: registry,
      tracer: tracing?.tracer)
  }

  private func makeHandler(number: Int) -> APIHandler {
    let authentication: any Authenticating =
      if let authenticator { authenticator } else { OpenAccess() }
    return APIHandler(
      store: makeStore(number: number), authentication: authentication,
      observer: RequestRecorder(
        metrics: RequestMetrics(registry: registry), logger: logger, warnings: warnings),
      audit: audit, tracing: tracing.map { RequestTracing(tracer: $0.tracer) },
      limits: configuration.limits, crossOrigin: configuration.crossOrigin,
      surroundings: APISurroundings(
        metricsText: { [registry, backend] in registry.text(adding: await backend.samples()) },
        isLocalOnly: configuration.isLocalOnly,
        isDraining: { [state] in state.isDraining },
        // Early enough that answers which are being made still fit.
        isCrowded: { [state, http = configuration.http] in
          state.answerBytesHeld > http.answerBytesMax / 4 * 3
        },
        // Pages and batches leave room for single values.
        takeRoom: { [state, http = configuration.http] bytes in
          state.takeAnswerRoom(bytes, max: http.answerBytesMax / 2)
        },
        returnRoom: { [state] bytes in state.returnAnswerRoom(bytes) },
        pause: { duration in try? await Task.sleep(for: duration) },
        after: { [loop = loops[number]] duration, body in
          LoopTimer(on: loop, fire: body).set(after: duration)
        },
        watchPlaces: watchPlaces, watchMetrics: WatchMetrics(registry: registry)))
  }
}

/// Logs once a minute, and at the end, what was gathered of warnings that repeat themselves.
private struct WarningsService: Service {
  private static let interval = Duration.seconds(60)

  let warnings: RepeatedWarnings

  /// Runs until the process is asked to stop.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        try? await Task.sleep(for: Self.interval)
        warnings.summarize()
      }
    }
  }
}
