internal import Basics
package import EventLoop
package import KeyValueStore
package import Logging
package import Observability
package import Postgres
internal import RabbitMQ
internal import Redis
package import Service
package import ServiceLifecycle
internal import Telemetry

/// The services of a cluster. Every loop has connections to the database and one to the cache; all
/// share one watch of the Sentinels, one publisher and one watcher of the change feed.
package struct ClusterBackend: Backend {
  package let name = "cluster"
  package let needsPurging = false

  /// Each loop's way to the database.
  package let databases: [PostgresDatabase]
  private let caches: [RedisCache]
  private let master: RedisMaster
  private let watch: SentinelWatch
  private let publisher: RabbitMQPublisher
  private let watcher: RabbitMQWatcher?
  private let writesQueue: String
  private let turns = CommitTurns()
  private let evidence = RepairEvidence(trustTime: RedisMaster.trustTime)
  private let loops: [EventLoop]
  private let logger: Logger

  /// Connects to nothing yet: `services` do. Throws for a malformed address, which reading the
  /// settings has excluded.
  /// - Parameter hasWatchers: whether changes are watched in this process. kv-worker only publishes
  ///   them.
  package init(
    _ configuration: ClusterConfiguration, loops: [EventLoop], hasWatchers: Bool,
    registry: MetricsRegistry, logger: Logger
  ) throws {
    self.loops = loops
    self.logger = logger
    let published = PublishedChanges()
    databases = try loops.map {
      try PostgresDatabase(
        configuration.database, loop: $0, published: published,
        metrics: PostgresMetrics(in: registry), logger: logger)
    }
    let master = RedisMaster(configuration.cache)
    self.master = master
    watch = SentinelWatch(configuration.cache, master: master, loop: loops[0], logger: logger)
    caches = zip(loops, databases).map { loop, database in
      RedisCache(
        configuration.cache, master: master, loop: loop, metrics: RedisMetrics(in: registry),
        logger: logger, now: ClusterClock.of(database))
    }
    writesQueue = configuration.queue.writesQueue
    let queueMetrics = RabbitMQMetrics(in: registry)
    publisher = try RabbitMQPublisher(
      configuration.queue, published: published, metrics: queueMetrics, logger: logger)
    watcher =
      hasWatchers
      ? try RabbitMQWatcher(configuration.queue, metrics: queueMetrics, logger: logger) : nil
  }

  package var services: [any Service] {
    var services = [LoopService(loop: loops[0]) { [watch] in await watch.run() }]
    for (loop, database) in zip(loops, databases) {
      services.append(LoopService(loop: loop) { await database.run() })
    }
    for (loop, cache) in zip(loops, caches) {
      services.append(LoopService(loop: loop) { await cache.run() })
    }
    services.append(LoopService(loop: loops[0]) { [publisher] in await publisher.run() })
    if let watcher {
      services.append(LoopService(loop: loops[0]) { await watcher.run() })
    }
    return services
  }

  package func warmUp() async {
    let end = ContinuousClock.now + ClusterBackend.warmUpTime
    var silent = await silentServices
    while !silent.isEmpty, ContinuousClock.now < end {
      guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
      silent = await silentServices
    }
    if silent.isEmpty { return }
    // A process that starts while a service is down has to work as soon as that is back.
    logger.warning(
      "not all services answer: start them, or correct the settings; connecting goes on",
      metadata: ["services": .array(silent.map { .string($0) })])
  }

  /// How long to wait for services that may be down: as long as a Redis failover takes.
  private static let warmUpTime = Duration.seconds(3)

  /// The services that not every loop reaches, each with its setting and why. Whether the cache is
  /// read already does not matter: the database is, until then.
  private var silentServices: [String] {
    get async {
      var silent: [String] = []
      do throws(StoreError) {
        for database in databases { try await database.checkHealth() }
      } catch {
        silent.append("KV_DATABASE_URL: \(error.cause)")
      }
      do throws(StoreError) {
        for cache in caches { try await cache.checkUpdates() }
      } catch {
        silent.append("KV_REDIS_SENTINELS or KV_REDIS_URL: \(error.cause)")
      }
      do throws(StoreError) { try publisher.checkHealth() } catch {
        silent.append("KV_AMQP_URLS: \(error.cause)")
      }
      return silent
    }
  }

  package func makePorts(on loop: EventLoop, number: Int) -> StorePorts {
    StorePorts(
      database: databases[number], cache: caches[number],
      queue: RabbitMQQueue(publisher: publisher),
      feed: RabbitMQChangeFeed(publisher: publisher, watcher: watcher),
      repairs: CacheRepairs(database: databases[number], evidence: evidence), turns: turns)
  }

  package func tracedNames(number: Int) -> TracedNames {
    let database = databases[number]
    return TracedNames(
      database: TracedSystem(database.productName, isRemote: true),
      cache: TracedSystem("redis", isRemote: true), queue: writesQueue)
  }

  package func clock(number: Int) -> WallClock { ClusterClock.of(databases[number]) }

  package func samples() async -> [MetricSample] {
    // Whether the master of Redis is known, and how many Sentinels name it.
    [
      MetricSample(RedisMetrics.sentinels, [], Double(watch.sentinelCount)),
      MetricSample(RedisMetrics.sentinelsAnswering, [], Double(await watch.answering)),
      MetricSample(RedisMetrics.masterCertain, [], master.isCertain ? 1 : 0),
    ] + ServerMetrics.samples(of: await caches[0].statistics())
  }

  /// `services` close everything when they end.
  package func close() async {}
}

extension MetricsCatalogue {
  /// The metrics of the services of a cluster, the same in kv-api and kv-worker.
  package static let cluster =
    PostgresMetrics.catalogue + RedisMetrics.catalogue + RabbitMQMetrics.catalogue
}

/// The time of day in a cluster: the database's, because revisions, acceptances and expiries are
/// compared by it. This machine's clock may be wrong by hours.
private enum ClusterClock {
  /// The clock of a database, as one loop's connections know it; until they have reached the
  /// database for the first time, the system's.
  static func of(_ database: PostgresDatabase) -> WallClock {
    { database.clock ?? Timestamp(microseconds: SystemTime.microseconds()) }
  }
}
