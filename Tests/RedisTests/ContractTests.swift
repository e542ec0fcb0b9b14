import KeyValueStore
import Redis
import StoreContracts
import TestServices
import TestSupport
import Testing

extension RedisServices {
  @Suite("Redis keeps the contract of the cache", .timeLimit(.minutes(1)))
  struct ContractTests {
    @Test("Cache", arguments: CacheContract.cases)
    func cache(_ sentence: CacheContract.Case) async throws {
      let harness = try await RedisCacheHarness()
      do {
        try await sentence.prove(harness)
      } catch {
        await harness.node.stop()
        throw error
      }
      await harness.node.stop()
    }
  }
}

/// A cache in a Redis of its own, which may evict every key.
private final class RedisCacheHarness: CacheHarness {
  let node: CacheNode
  private let server: RedisServer
  private let clock: TestClock

  /// The contract's revisions are times of 2023, so the node's clock must show that time.
  init() async throws {
    let clock = TestClock(Timestamp(microseconds: 1_699_999_999_000_000))
    self.clock = clock
    server = try RedisServer(options: [
      "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru",
    ])
    var configuration = server.configuration
    // No other process can do what a quarantine waits for.
    configuration.relianceMax = .zero
    configuration.connectDeadline = .milliseconds(100)
    node = try CacheNode(configuration, now: { clock.now })
    try await node.untilHealthy()
    // Has the cache observe that it is read now, instead of within a second.
    _ = await node.cache.statistics()
  }

  var cache: any Cache { node.cache }

  func endLeases() async throws {
    for name in try names() where try server.command("GETRANGE", name, "0", "0") == "l" {
      try server.command("PEXPIRE", name, "0")
    }
  }

  /// Leaves Redis no memory for a moment.
  func evictAll() async throws {
    clock.advance(seconds: 10)
    try server.command("CONFIG", "SET", "maxmemory", "1")
    try Polling.wait(for: "eviction") { try server.command("DBSIZE") == "0" }
    try server.command("CONFIG", "SET", "maxmemory", "100mb")
    // Has the cache observe the evictions now instead of within a second.
    _ = await cache.statistics()
  }

  private func names() throws -> [String] {
    try server.command("KEYS", "*").split(separator: "\n").map { String($0) }
  }
}
