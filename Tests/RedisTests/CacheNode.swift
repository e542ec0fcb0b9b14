import EventLoop
import KeyValueStore
import Logging
import Observability
import Synchronization
import TestServices
import Testing

@testable import Redis

/// The suites that start servers. Their tests run one after the other: what they prove depends on
/// time.
@Suite("On real servers", .serialized)
enum RedisServices {}

/// A node's part of the cache: one loop with a cache, and the watch of the Sentinels. It runs until
/// it is stopped.
final class CacheNode: Sendable {
  let cache: RedisCache
  let master: RedisMaster
  let registry = MetricsRegistry()
  let metrics: RedisMetrics
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
    metrics = RedisMetrics(in: registry)
    let cache = RedisCache(
      configuration, master: master, loop: loop, metrics: metrics, logger: logger, now: now)
    self.cache = cache
    let watch = SentinelWatch(configuration, master: master, loop: loop, logger: logger)
    task = Task(executorPreference: loop.executor) {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await watch.run() }
        group.addTask { await cache.run() }
      }
    }
  }

  /// Ends it as a shutdown does.
  func stop() async {
    task.cancel()
    await task.value
    loop.stop()
  }

  /// Runs `body` with a node once its cache is in use.
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

  /// Waits until the cache is in use, and read.
  func untilHealthy(seconds: Double = 30) async throws {
    try await wait(for: "healthy cache", seconds: seconds) {
      (try? await self.cache.checkHealth()) != nil
    }
  }

  static let silent = Logger(label: "redis test", factory: { _ in SwiftLogNoOpLogHandler() })
}

/// Polls until `isTrue`, or fails and says `what` did not happen.
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
  /// The configuration of a node that uses it.
  var configuration: RedisConfiguration {
    RedisConfiguration(source: .server(HostAndPort(host: "127.0.0.1", port: port)))
  }

  /// What Sentinels say of it in one of its reigns.
  func view(epoch: Int64) -> MasterView {
    MasterView(address: HostAndPort(host: "127.0.0.1", port: port), epoch: epoch)
  }
}

extension RedisConfiguration {
  /// The Sentinels never answer: the test itself confirms the masters.
  static let silent = RedisConfiguration(
    source: .sentinels([HostAndPort(host: "127.0.0.1", port: 1)], master: "mymaster"))
}

/// Keeps what was logged.
final class RecordingLog: Sendable {
  private let recorded = Mutex<[String]>([])

  /// The message and metadata of each line.
  var lines: [String] { recorded.withLock { $0 } }

  var logger: Logger { Logger(label: "redis test") { _ in Handler(log: self) } }

  private func record(_ line: String) { recorded.withLock { $0.append(line) } }

  private struct Handler: LogHandler {
    let log: RecordingLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      log.record("\(event.message) \(event.metadata ?? [:])")
    }
  }
}
