import Cluster
import Embedded
import EventLoop
import KeyValueStore
import Observability
import Service
import ServiceLifecycle
import Telemetry

/// A store in this process alone: SQLite, a cache and a feed in memory, and a queue that applies
/// writes at once.
struct EmbeddedBackend: Backend {
  let name = "embedded"
  let needsPurging = true
  let services: [any Service] = []
  private let now: WallClock
  let database: EmbeddedDatabase
  let cache: EmbeddedCache
  private let feed: EmbeddedChangeFeed

  /// Opens the database. Throws `EmbeddedError`.
  init(
    _ configuration: EmbeddedConfiguration, registry: MetricsRegistry
  ) throws(EmbeddedError) {
    now = configuration.now
    database = try EmbeddedDatabase(configuration, metrics: EmbeddedMetrics(in: registry))
    cache = EmbeddedCache(bytesMax: configuration.cacheBytesMax, now: configuration.now)
    feed = EmbeddedChangeFeed(
      eventsMax: configuration.feedEventsMax, bytesMax: configuration.feedBytesMax)
  }

  func warmUp() async {}

  /// The same for every loop.
  func makePorts(on loop: EventLoop, number: Int) -> StorePorts {
    StorePorts(
      database: database, cache: cache, queue: EmbeddedQueue(database: database), feed: feed)
  }

  func tracedNames(number: Int) -> TracedNames {
    TracedNames(
      database: TracedSystem("sqlite", isRemote: false),
      cache: TracedSystem("memory", isRemote: false))
  }

  /// The clock of this machine: the database has no other.
  func clock(number: Int) -> WallClock { now }

  func samples() async -> [MetricSample] {
    ServerMetrics.samples(of: await cache.statistics())
  }

  func close() async { await database.close() }
}
