import Basics
import Cluster
import EventLoop
import HTTP
import KeyValueStore
import Logging
import Observability
import RabbitMQ
import Service
import ServiceLifecycle
import Telemetry

/// kv-worker, put together. Everything runs on one loop, except the connections to the broker,
/// which have threads of their own: one worker keeps up with several kv-api, and more workers share
/// the load.
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
  /// Nil: nothing is recorded.
  private let tracing: Tracing?

  /// Connects to nothing yet. Throws errors that the check of the settings has missed.
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
    let traceMetrics = TelemetryMetrics(in: registry)
    tracing = configuration.telemetry.map {
      Tracing(
        $0, program: "kv-worker", on: loop, drain: configuration.drain, metrics: traceMetrics,
        logger: logger)
    }
    metrics = WorkerMetrics(registry: registry, now: backend.clock(number: 0))
    ServerMetrics.register(
      in: registry, state: state, configuration: HTTPConfiguration(), log: log,
      store: backend.name)
    registry.collect { [metrics, consumer] in metrics.samples(of: consumer) }
  }

  /// Runs until the process is asked to stop. Throws `ListenError`.
  func run() async throws {
    let listeners = try Listener.open(configuration.listen, count: 1)
    loop.start()
    logger.notice("working", metadata: ["address": "\(listeners[0].address)"])
    let http = HTTPService(
      servers: [makeHTTPServer()], listeners: listeners, drainTime: configuration.drain,
      warmUp: { [backend] in await backend.warmUp() })
    // The last is shut down first: no more messages are taken before what they need ends.
    try await Lifecycle.run(
      (tracing.map { [$0] } ?? []) + backend.services + [
        http, LoopService(loop: loop) { [consumer] in await consumer.run() },
        RoundsService.purging(on: loop.executor, makeStore: { makeStore() }, logger: logger),
        upkeep.relay(patience: configuration.cluster.cacheTimeToLive), upkeep.repair(), applying,
      ], logger: logger)
    logger.notice("stopped")
  }

  private var upkeep: Upkeep {
    Upkeep(
      executor: loop.executor, makeStore: { makeStore() }, database: backend.databases[0],
      metrics: metrics, logger: logger)
  }

  private var applying: ApplyService {
    ApplyService(
      executor: loop.executor,
      makeApplier: {
        Applier(
          store: makeStore(), database: backend.databases[0], source: consumer,
          observer: ApplyRecorder(metrics: metrics, logger: logger)
        ) {
          var backoff = Backoff(first: .milliseconds(50), longest: .seconds(1))
          return { backoff.next() }
        }
      }, consumer: consumer, tracer: tracing?.tracer)
  }

  private func makeStore() -> Store {
    backend.makeStore(
      on: loop, number: 0, inFlight: inFlight, registry: registry, tracer: tracing?.tracer)
  }
}

// MARK: - What operators see

extension Worker {
  private func makeHTTPServer() -> HTTPServer {
    let store = makeStore()
    return HTTPServer(
      loop: loop, configuration: HTTPConfiguration(), state: state, logger: logger,
      handler: OperatorHandler(
        program: "A worker", health: { HealthResponse.make(await health(of: store)) },
        obstacle: { await obstacle(store) },
        metricsText: { [registry, backend] in registry.text(adding: await backend.samples()) }),
      observer: ConnectionMetrics(registry: registry))
  }

  /// The queue is well only if the worker can take writes out of it.
  private func health(of store: Store) async -> StoreHealth {
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

  /// Why the worker is not ready to apply what is queued; nil: it is.
  private func obstacle(_ store: Store) async -> String? {
    if state.isDraining { return "This worker is shutting down." }
    return await store.health().status == .unhealthy
      ? "The database does not answer: what is queued waits." : nil
  }
}
