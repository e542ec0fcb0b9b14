import KeyValueStore
import Redis
import StoreContracts
import TestServices

/// A cache in a Redis of its own that evicts whatever it must.
final class RedisCacheHarness: CacheHarness {
  let node: CacheNode
  private let server: RedisServer
  private let clock: TestClock

  /// The revisions of the contract are times of 2023: the node's clock must be there too.
  init() async throws {
    let clock = TestClock(Timestamp(microseconds: 1_699_999_999_000_000))
    self.clock = clock
    server = try RedisServer(options: [
      "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru",
    ])
    node = try CacheNode(server.configuration, now: { clock.now })
    try await node.untilHealthy()
  }

  var cache: any Cache { node.cache }

  func endLeases() async throws {
    for name in try names() where try server.command("GETRANGE", name, "0", "0") == "l" {
      try server.command("PEXPIRE", name, "0")
    }
  }

  /// Leaves Redis no room at all for a moment.
  func evictAll() async throws {
    clock.advance(seconds: 10)
    try server.command("CONFIG", "SET", "maxmemory", "1")
    try Polling.wait(for: "eviction") { try server.command("DBSIZE") == "0" }
    try server.command("CONFIG", "SET", "maxmemory", "100mb")
    // What the cache looks at when it is asked, or when a second has passed.
    _ = await cache.statistics()
  }

  private func names() throws -> [String] {
    try server.command("KEYS", "*").split(separator: "\n").map { String($0) }
  }
}
