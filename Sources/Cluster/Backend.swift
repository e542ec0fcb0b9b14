package import EventLoop
package import HTTP
package import KeyValueStore
package import Observability
package import Service
package import ServiceLifecycle
package import Telemetry

/// What the stores of a process work on: the embedded database, or the services of a cluster.
/// Nothing else in a program knows which of the two it is.
package protocol Backend: Sendable {
  /// Its name in metrics.
  var name: String { get }

  /// Whether this process has to purge expired entries, because no other process does.
  var needsPurging: Bool { get }

  /// What runs as long as a store is used, in the order of its start.
  var services: [any Service] { get }

  /// Waits until the running `services` are connected, but only for some seconds: a service may be
  /// down.
  func warmUp() async

  /// The ports for the store of a loop; `number` counts the loops from 0.
  func makePorts(on loop: EventLoop, number: Int) -> StorePorts

  /// What traces call what is behind these ports.
  func tracedNames(number: Int) -> TracedNames

  /// The database's clock as a loop knows it; acceptance times come from it.
  func clock(number: Int) -> WallClock

  /// Its metrics now.
  func samples() async -> [MetricSample]

  /// Releases everything, when no store is used any more.
  func close() async
}

/// The ports of one loop's store. Not Sendable: it belongs to that loop.
package struct StorePorts {
  let database: any Database
  let cache: any Cache
  let queue: any WriteQueue
  let feed: any ChangeFeed
  let repairs: CacheRepairs?
  let turns: CommitTurns?

  /// - Parameters:
  ///   - repairs: asks other processes to repair the cache; nil: there are none.
  ///   - turns: the process's, if its loops commit one after the other.
  package init(
    database: any Database, cache: any Cache, queue: any WriteQueue, feed: any ChangeFeed,
    repairs: CacheRepairs? = nil, turns: CommitTurns? = nil
  ) {
    self.database = database
    self.cache = cache
    self.queue = queue
    self.feed = feed
    self.repairs = repairs
    self.turns = turns
  }
}

extension Backend {
  /// Makes a store for a loop; `number` counts the loops from 0. `inFlight` is the process's, and
  /// so is `tracer`; nil: no request is recorded.
  package func makeStore(
    on loop: EventLoop, number: Int, inFlight: IdempotencyRegistry, registry: MetricsRegistry,
    tracer: Tracer?
  ) -> Store {
    var ports = makePorts(on: loop, number: number)
    if let tracer { ports = ports.traced(tracedNames(number: number), tracer) }
    return Store(
      database: ports.database, cache: ports.cache, queue: ports.queue, feed: ports.feed,
      repairs: ports.repairs, turns: ports.turns, inFlight: inFlight,
      observer: StoreMetrics(registry: registry), tracer: tracer, now: clock(number: number))
  }
}

extension HealthResponse {
  /// The health of a store; 503 when it is unhealthy.
  ///
  /// Only the log has the cause: anybody may ask for this, and the cause may name hosts.
  package static func make(_ health: StoreHealth) -> Response {
    let components = health.components.map { (name: $0.name.rawValue, isHealthy: $0.isHealthy) }
    var response = make(
      health.status == .unhealthy ? .serviceUnavailable : .ok, status: health.status.rawValue,
      components: components)
    if health.status == .unhealthy { response.fields.append("Retry-After", "1") }
    return response
  }
}
