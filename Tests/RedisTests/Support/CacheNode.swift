import EventLoop
import KeyValueStore
import Logging
import Redis
import TestServices

/// What a node has of the cache: one loop with a cache, and the watch if there are Sentinels. It
/// runs until it is stopped.
final class CacheNode: Sendable {
  let cache: RedisCache
  let master: RedisMaster
  private let loop: EventLoop
  private let task: Task<Void, Never>

  init(
    _ configuration: RedisConfiguration, logger: Logger = CacheNode.silent,
    now: @escaping WallClock = { .systemTime() }
  ) throws {
    let loop = try EventLoop(name: "redis test")
    loop.start()
    self.loop = loop
    let master = RedisMaster(configuration)
    self.master = master
    let cache = RedisCache(
      configuration, master: master, loop: loop, logger: logger, now: now)
    self.cache = cache
    let watch = SentinelWatch(configuration, master: master, loop: loop, logger: logger)
    task = Task(executorPreference: loop.executor) {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await watch.run() }
        group.addTask { await cache.run() }
      }
    }
  }

  /// Ends it, as a node that is shut down.
  func stop() async {
    task.cancel()
    await task.value
    loop.stop()
  }

  /// Runs `body` with a node of a Redis, once it is in use.
  static func with<Result>(
    _ configuration: RedisConfiguration, logger: Logger = CacheNode.silent,
    now: @escaping WallClock = { .systemTime() },
    _ body: (CacheNode) async throws -> Result
  ) async throws -> Result {
    let node = try CacheNode(configuration, logger: logger, now: now)
    do {
      try await node.untilHealthy()
      let result = try await body(node)
      await node.stop()
      return result
    } catch {
      await node.stop()
      throw error
    }
  }

  /// Waits until the cache is in use.
  func untilHealthy(seconds: Double = 30) async throws {
    try await wait(for: "healthy cache", seconds: seconds) {
      (try? await self.cache.checkHealth()) != nil
    }
  }

  static let silent = Logger(label: "redis test", factory: { _ in SwiftLogNoOpLogHandler() })
}

/// Looks until `isTrue`, or fails with `what` was waited for.
func wait(
  for what: String, seconds: Double = 30, until isTrue: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + .seconds(seconds)
  while try await !isTrue() {
    guard ContinuousClock.now < end else { throw ServiceFailure("no \(what)") }
    Polling.pause()
  }
}

extension RedisServer {
  /// How a node finds it.
  var configuration: RedisConfiguration {
    RedisConfiguration(source: .server(HostAndPort(host: "127.0.0.1", port: port)))
  }
}
