import EventLoop
import HTTP
import KeyValueStore
import Logging
import Node
import Observability
import ServiceLifecycle
import UnixSignals

/// kv-api, put together: what a process has once, what each event loop has, and how all of it ends.
struct Server: Sendable {
  private let configuration: Configuration
  private let logger: Logger
  private let registry = MetricsRegistry()
  private let state = HTTPServerState()
  private let inFlight = IdempotencyRegistry()
  private let authenticator: TokenAuthenticator?
  private let backend: any Backend
  private let loops: [EventLoop]
  private let warnings: RepeatedWarnings

  /// Makes the loops and whatever is behind them. Throws `SystemCallError`.
  init(
    _ configuration: Configuration, backend: any Backend, loops: [EventLoop], logger: Logger,
    log: LogWriter
  ) {
    self.configuration = configuration
    self.backend = backend
    self.loops = loops
    self.logger = logger
    warnings = RepeatedWarnings(logger: logger)
    authenticator =
      if case .tokens(let file, _) = configuration.access { TokenAuthenticator(file) } else { nil }
    ServerMetrics.register(
      in: registry, state: state, configuration: configuration.http, log: log,
      store: backend.name)
  }

  /// Serves until the process is told to leave, and closes the backend after the last request.
  /// Throws `ListenError`.
  func run() async throws {
    let listeners = try Listener.open(configuration.listen, count: loops.count)
    for loop in loops { loop.start() }
    let http = HTTPService(
      servers: loops.indices.map { makeHTTPServer(number: $0) }, listeners: listeners,
      drainTime: configuration.drain, warmUp: { [backend] in await backend.warmUp() })
    logger.notice(
      "serving",
      metadata: [
        "address": "\(listeners[0].address)", "loops": "\(loops.count)", "store": "\(backend.name)",
      ])
    // What is last is shut down first: requests end before what they need.
    try await ServiceGroup(
      services: [WarningsService(warnings)] + backend.services + upkeep + reload + [http],
      gracefulShutdownSignals: [.sigterm, .sigint], logger: lifecycleLogger
    ).run()
    await backend.close()
    logger.notice("stopped")
  }

  /// At debug, ServiceLifecycle describes each service with all that is in it.
  private var lifecycleLogger: Logger {
    var logger = logger
    logger.logLevel = max(logger.logLevel, .notice)
    return logger
  }

  private var upkeep: [any Service] {
    guard backend.needsPurging else { return [] }
    return [
      PurgeService(
        on: loops[0].executor, makeStore: { makeStore(number: 0) }, logger: logger)
    ]
  }

  private var reload: [any Service] {
    guard case .tokens(_, let path) = configuration.access, let authenticator else { return [] }
    return [TokensReload(path: path, authenticator: authenticator, logger: logger)]
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
    let ports = backend.makePorts(on: loops[number], number: number)
    return Store(
      database: ports.database, cache: ports.cache, queue: ports.queue, feed: ports.feed,
      repairs: ports.repairs, inFlight: inFlight, observer: StoreMetrics(registry: registry),
      now: backend.clock(number: number))
  }

  private func makeHandler(number: Int) -> APIHandler {
    let authentication: any Authenticating =
      if let authenticator { authenticator } else { OpenAccess() }
    return APIHandler(
      store: makeStore(number: number), authentication: authentication,
      observer: RequestRecorder(
        metrics: RequestMetrics(registry: registry), logger: logger, warnings: warnings),
      limits: configuration.limits,
      surroundings: APISurroundings(
        metricsText: { [registry, backend] in registry.text(adding: await backend.samples()) },
        isLocalOnly: configuration.isLocalOnly,
        isDraining: { [state] in state.isDraining },
        // Early enough that what is being read already still fits.
        isCrowded: { [state, http = configuration.http] in
          state.answerBytesHeld > http.answerBytesMax / 4 * 3
        },
        // Pages and batches leave room to single values.
        takeRoom: { [state, http = configuration.http] bytes in
          state.takeAnswerRoom(bytes, max: http.answerBytesMax / 2)
        },
        returnRoom: { [state] bytes in state.returnAnswerRoom(bytes) },
        pause: { duration in try? await Task.sleep(for: duration) }))
  }
}
