import Embedded
import EventLoop
import HTTP
import KeyValueStore
import Logging
import Observability
import ServiceLifecycle
import UnixSignals

/// kv-api, put together: what a process has once, what each event loop has, and how all of it ends.
///
/// The store is the embedded one. Nothing outside this file knows that.
struct Server: Sendable {
  private let configuration: Configuration
  private let logger: Logger
  private let registry = MetricsRegistry()
  private let state = HTTPServerState()
  private let inFlight = IdempotencyRegistry()
  private let authenticator: TokenAuthenticator?
  private let database: EmbeddedDatabase
  private let cache: EmbeddedCache
  private let feed: EmbeddedChangeFeed
  private let now: WallClock

  /// Opens the database. Throws `EmbeddedError`.
  init(_ configuration: Configuration, logger: Logger, log: LogWriter) throws(EmbeddedError) {
    self.configuration = configuration
    self.logger = logger
    authenticator =
      if case .tokens(let file, _) = configuration.access { TokenAuthenticator(file) } else { nil }
    var embedded = EmbeddedConfiguration()
    embedded.dataFolder = configuration.dataFolder
    embedded.cacheBytesMax = configuration.cacheBytes
    now = embedded.now
    database = try EmbeddedDatabase(embedded)
    cache = EmbeddedCache(bytesMax: embedded.cacheBytesMax, now: now)
    feed = EmbeddedChangeFeed(eventsMax: embedded.feedEventsMax, bytesMax: embedded.feedBytesMax)
    ServerMetrics.register(
      in: registry, state: state, configuration: configuration.http, log: log)
    registry.collect { [database] in ServerMetrics.samples(of: database.statistics) }
  }

  /// Serves until the process is told to leave, and closes the database after the last request.
  /// Throws `ListenError`.
  func run() async throws {
    let listeners = try Listener.open(configuration.listen, count: configuration.loops)
    let http = HTTPService(
      servers: try makeHTTPServers(), listeners: listeners, drainTime: configuration.drain)
    logger.notice(
      "serving",
      metadata: ["address": "\(listeners[0].address)", "loops": "\(configuration.loops)"])
    // What is last is shut down first: requests end before what they need.
    let services: [any Service] = [upkeep] + (reload.map { [$0] } ?? []) + [http]
    try await ServiceGroup(
      services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: lifecycleLogger
    ).run()
    await database.close()
    logger.notice("stopped")
  }

  /// At debug, ServiceLifecycle describes each service with all that is in it.
  private var lifecycleLogger: Logger {
    var logger = logger
    logger.logLevel = max(logger.logLevel, .notice)
    return logger
  }

  private var upkeep: UpkeepService {
    UpkeepService(makeStore: { makeStore() }, logger: logger)
  }

  private var reload: TokensReload? {
    guard case .tokens(_, let path) = configuration.access, let authenticator else { return nil }
    return TokensReload(path: path, authenticator: authenticator, logger: logger)
  }
}

// MARK: - What each event loop has

extension Server {
  private func makeHTTPServers() throws -> [HTTPServer] {
    try (0..<configuration.loops).map { number in
      let loop = try EventLoop(name: "kv-loop-\(number)", backend: configuration.backend)
      loop.start()
      return HTTPServer(
        loop: loop, configuration: configuration.http, state: state, logger: logger,
        handler: makeHandler(), observer: ConnectionMetrics(registry: registry))
    }
  }

  private func makeStore() -> Store {
    Store(
      database: database, cache: cache, queue: EmbeddedQueue(database: database), feed: feed,
      inFlight: inFlight, observer: StoreMetrics(registry: registry), now: now)
  }

  private func makeHandler() -> APIHandler {
    let authentication: any Authenticating =
      if let authenticator { authenticator } else { OpenAccess() }
    return APIHandler(
      store: makeStore(), authentication: authentication,
      observer: ExchangeRecorder(metrics: RequestMetrics(registry: registry), logger: logger),
      limits: configuration.limits,
      surroundings: APISurroundings(
        metricsText: { [registry, cache] in
          registry.text(adding: ServerMetrics.samples(of: await cache.statistics()))
        },
        isDraining: { [state] in state.isDraining },
        // Early enough that what is being read already still fits.
        isCrowded: { [state, http = configuration.http] in
          state.answerBytesHeld > http.answerBytesMax / 4 * 3
        },
        pause: { duration in try? await Task.sleep(for: duration) }))
  }
}
