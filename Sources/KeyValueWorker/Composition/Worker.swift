import EventLoop
import HTTP
import KeyValueStore
import Logging
import Node
import Observability
import RabbitMQ
import ServiceLifecycle
import UnixSignals

/// kv-worker, put together. Everything runs on one loop but the broker's connections, which have
/// threads of their own: one worker keeps up with several kv-api, and more workers share the rest.
struct Worker: Sendable {
  private let configuration: Configuration
  private let logger: Logger
  private let loop: EventLoop
  private let registry = MetricsRegistry()
  private let metrics: WorkerMetrics
  private let state = HTTPServerState()
  private let inFlight = IdempotencyRegistry()
  private let backend: ClusterBackend
  private let consumer: RabbitMQConsumer

  /// Connects to nothing yet. Throws what the settings should have said.
  init(_ configuration: Configuration, loop: EventLoop, logger: Logger, log: LogWriter) throws {
    self.configuration = configuration
    self.loop = loop
    self.logger = logger
    backend = try ClusterBackend(
      configuration.cluster, loops: [loop], hasWatchers: false, registry: registry, logger: logger)
    var queue = configuration.cluster.queue
    queue.prefetch = UInt16(clamping: configuration.prefetch)
    queue.deliveryBytesMax = configuration.heldBytesMax
    consumer = try RabbitMQConsumer(
      queue, metrics: RabbitMQMetrics(in: registry), logger: logger)
    metrics = WorkerMetrics(registry: registry, now: backend.clock(number: 0))
    ServerMetrics.register(
      in: registry, state: state, configuration: HTTPConfiguration(), log: log,
      store: backend.name)
    registry.collect { [metrics, consumer] in metrics.samples(of: consumer) }
  }

  /// Works until the process is told to leave. Throws `ListenError`.
  func run() async throws {
    let listeners = try Listener.open(configuration.listen, count: 1)
    loop.start()
    logger.notice("working", metadata: ["address": "\(listeners[0].address)"])
    let http = HTTPService(
      servers: [makeHTTPServer()], listeners: listeners, drainTime: configuration.drain)
    // What is last is shut down first: nothing new is taken, then what it needs ends.
    try await ServiceGroup(
      services: backend.services + [
        http,
        LoopService(loop: loop) { [consumer] in await consumer.run() },
        PurgeService(on: loop.executor, makeStore: { makeStore() }, logger: logger),
        relay, repairs, applying,
      ],
      gracefulShutdownSignals: [.sigterm, .sigint], logger: lifecycleLogger
    ).run()
    logger.notice("stopped")
  }

  /// At debug, ServiceLifecycle describes each service with all that is in it.
  private var lifecycleLogger: Logger {
    var logger = logger
    logger.logLevel = max(logger.logLevel, .notice)
    return logger
  }

  private var relay: RelayService {
    RelayService(
      executor: loop.executor, makeStore: { makeStore() }, database: backend.databases[0],
      patience: configuration.cluster.cacheTimeToLive, metrics: metrics, logger: logger)
  }

  private var repairs: RepairService {
    RepairService(
      executor: loop.executor, makeStore: { makeStore() }, database: backend.databases[0],
      metrics: metrics, logger: logger)
  }

  private var applying: ApplyService {
    ApplyService(
      executor: loop.executor,
      makeApplier: {
        Applier(
          store: makeStore(), database: backend.databases[0], consumer: consumer,
          metrics: metrics, logger: logger)
      }, consumer: consumer)
  }

  private func makeStore() -> Store {
    let ports = backend.makePorts(on: loop, number: 0)
    return Store(
      database: ports.database, cache: ports.cache, queue: ports.queue, feed: ports.feed,
      repairs: ports.repairs, inFlight: inFlight, observer: StoreMetrics(registry: registry),
      now: backend.clock(number: 0))
  }

  private func makeHTTPServer() -> HTTPServer {
    HTTPServer(
      loop: loop, configuration: HTTPConfiguration(), state: state, logger: logger,
      handler: OperatorHandler(
        store: makeStore(), consumer: consumer, isDraining: { [state] in state.isDraining },
        metricsText: { [registry, backend] in registry.text(adding: await backend.samples()) }),
      observer: ConnectionMetrics(registry: registry))
  }
}
