import Basics
import KeyValueStore
import Observability
import TestServices
import Testing

@testable import Redis
import TestSupport

extension RedisServices {
  /// Masters die, and come back.
  @Suite("A failover makes the cache cold, not stale", .serialized, .timeLimit(.minutes(3)))
  struct FailoverTests {
    @Test("After the master's death its successor is in use once no vote for it counts any more")
    func death() async throws {
      let cluster = try await RedisCluster()
      try await CacheNode.with(cluster.configuration) { node in
        let old = try #require(cluster.server(of: node))
        let revision = fresh()
        #expect(await node.cache.update("k", revision))
        #expect(await node.cache.kept("k") == .sample("k", revision))
        // The replicas miss the last write.
        for replica in cluster.servers where replica !== old { replica.process.pause() }
        #expect(await node.cache.update("k", revision + 1))
        old.process.kill()
        for replica in cluster.servers where replica !== old { replica.process.resume() }
        #expect(await node.cache.update("k", revision + 2) == false)
        try cluster.waitForAnotherMaster(than: old)
        let announced = ContinuousClock.now
        try await node.untilHealthy()
        let wait = SentinelVotes.lifetime + cluster.configuration.quarantine
        #expect(ContinuousClock.now - announced < wait + .seconds(1))
        #expect(cluster.server(of: node) !== old)
        #expect(await node.cache.kept("k") == nil)
        let later = fresh() + 10
        #expect(await node.cache.update("k", later))

        // The old master comes back, writable for a while, and is not used.
        try old.start()
        for _ in 0..<200 {
          #expect(await node.cache.kept("k") == .sample("k", later))
          #expect(cluster.server(of: node) !== old)
        }
      }
    }

    @Test("A master that gets its place back serves nothing of its first reign")
    func secondReign() async throws {
      let cluster = try await RedisCluster()
      try await CacheNode.with(cluster.configuration) { node in
        let first = try #require(cluster.server(of: node))
        let revision = fresh()
        #expect(await node.cache.update("k", revision))
        // Now the second master can only hand over to the first.
        let third = try #require(cluster.servers.last { $0 !== first })
        try third.command("CONFIG", "SET", "replica-priority", "0")
        try await failOver(cluster, from: first, node)
        let second = try #require(cluster.server(of: node))
        #expect(await node.cache.kept("k") == nil)
        // Sentinels may still be closing the connections of the server that they have promoted.
        try await wait(for: "update") { await node.cache.update("k", fresh() + 5) }
        try await wait(for: "the first to follow the second") {
          try first.command("INFO", "replication").contains("master_link_status:up")
        }
        try await failOver(cluster, from: second, node)
        #expect(cluster.server(of: node) === first)
        // It still has the entry of its first reign, unless it was synchronised with the second.
        try await wait(for: "update") { await node.cache.update("other", revision) }
        let names = try first.command("KEYS", "*").split(separator: "\n").map(String.init)
        let other = try #require(names.first { $0.hasSuffix(":2:other") })
        let old = other.replacing(":2:other", with: ":0:k")
        if !names.contains(old) { #expect(try first.command("COPY", other, old) == "1") }
        #expect(await node.cache.kept("k") == nil)
      }
    }

    private func failOver(
      _ cluster: RedisCluster, from server: RedisServer, _ node: CacheNode
    ) async throws {
      try await wait(for: "failover to begin") {
        try cluster.sentinels[0].command("SENTINEL", "FAILOVER", "mymaster") == "OK"
      }
      try await wait(for: "failover") {
        let isHealthy = (try? await node.cache.checkHealth()) != nil
        return isHealthy && cluster.server(of: node) !== server
      }
    }

    @Test("No node uses a new master as long as another node may trust the old one")
    func bothTrusted() async throws {
      let (old, new) = (try RedisServer(), try RedisServer())
      let (late, early) = (try CacheNode(.silent), try CacheNode(.silent))
      for node in [late, early] {
        _ = node.master.confirm(old.view(epoch: 1), until: .distantFuture)
        try await node.untilHealthy()
      }
      let revision = fresh()
      #expect(await late.cache.update("k", revision))
      #expect(await early.cache.kept("k") == .sample("k", revision))

      let change = ContinuousClock.now
      _ = early.master.confirm(new.view(epoch: 2), until: .distantFuture)
      try await wait(for: "connection to the new master") {
        early.metrics.connects.value == 2
      }
      let acknowledged = Task { await early.cache.update("mirrored", fresh()) }
      let votesEnd = change + SentinelVotes.lifetime
      while ContinuousClock.now < votesEnd - .milliseconds(50) {
        // Only the old master gets this update. If a reader filled the key in the new one at this
        // moment, the outdated entry would stay there.
        #expect(await late.cache.update("k", fresh()))
        #expect(await early.cache.find(Key("k")) == .miss(nil))
      }
      _ = late.master.confirm(new.view(epoch: 2), until: .distantFuture)
      #expect(await acknowledged.value)
      #expect(ContinuousClock.now >= votesEnd)
      try await early.untilHealthy()
      guard case .miss(.some) = await early.cache.find(Key("k")) else {
        Issue.record("no lease")
        return
      }
      // It came too early to be kept: the late node might have written the key once more.
      #expect(await early.cache.kept("mirrored") == nil)
      let newest = fresh() + 1_000_000
      #expect(await early.cache.update("mirrored", newest))
      #expect(await early.cache.kept("mirrored") == .sample("mirrored", newest))
      await late.stop()
      await early.stop()
    }

    @Test("A new master keeps nothing that an update put there while the old one was trusted")
    func updateWhileBothTrusted() async throws {
      let (old, new) = (try RedisServer(), try RedisServer())
      let (late, early) = (try CacheNode(.silent), try CacheNode(.silent))
      for node in [late, early] {
        _ = node.master.confirm(old.view(epoch: 1), until: .distantFuture)
        try await node.untilHealthy()
      }
      _ = early.master.confirm(new.view(epoch: 2), until: .distantFuture)
      try await wait(for: "connection to the new master") {
        early.metrics.connects.value == 2
      }
      // Newer than what the early node has observed, by more than the clock skew.
      let first = fresh()
      async let isKept = early.cache.update("k", first)
      try await wait(for: "the update of the new master") {
        try new.command("KEYS", "*:k") != ""
      }
      // Acknowledged through the old master, whose votes the late node still counts.
      #expect(await late.cache.update("k", first + 1))
      _ = late.master.confirm(new.view(epoch: 2), until: .distantFuture)
      #expect(await isKept)
      try await early.untilHealthy()
      let kept = await early.cache.kept("k")
      #expect(kept == nil || kept?.revision == Revision(first + 1))
      await late.stop()
      await early.stop()
    }

    @Test("Without a majority of the Sentinels the cache is bypassed")
    func minority() async throws {
      let cluster = try await RedisCluster()
      try await CacheNode.with(cluster.configuration) { node in
        let revision = fresh()
        #expect(await node.cache.update("k", revision))
        cluster.sentinels[0].process.pause()
        #expect(await node.cache.kept("k") == .sample("k", revision))
        cluster.sentinels[1].process.kill()
        try await wait(for: "doubt") { !node.master.isCertain }
        #expect(await node.cache.find(Key("k")) == .miss(nil))
        // Redis gets the update all the same: other nodes may see the Sentinels.
        #expect(await node.cache.update("k", revision + 1) == false)
        cluster.sentinels[0].process.resume()
        try await node.untilHealthy()
        try await wait(for: "repair") { node.master.failures.isEmpty }
        #expect(await node.cache.kept("k") == .sample("k", revision + 1))
      }
    }
  }
}

/// A master, two replicas and three Sentinels.
private final class RedisCluster {
  let servers: [RedisServer]
  let sentinels: [SentinelServer]

  init() async throws {
    let master = try RedisServer()
    servers = [master, try RedisServer(replicaOf: master), try RedisServer(replicaOf: master)]
    for replica in servers[1...] {
      try Polling.wait(for: "replication") {
        try replica.command("INFO", "replication").contains("master_link_status:up")
      }
    }
    var sentinels: [SentinelServer] = []
    for _ in 0..<3 { sentinels.append(try SentinelServer(watching: master)) }
    self.sentinels = sentinels
    for sentinel in sentinels {
      try Polling.wait(for: "Sentinels to know each other and the replicas") {
        let lines = try sentinel.command("SENTINEL", "MASTER", "mymaster").split(separator: "\n")
        func value(_ name: String) -> Substring? {
          lines.firstIndex { $0 == name }.map { lines[$0 + 1] }
        }
        return value("num-slaves") == "2" && value("num-other-sentinels") == "2"
      }
    }
  }

  var configuration: RedisConfiguration {
    RedisConfiguration(
      source: .sentinels(
        sentinels.map { HostAndPort(host: "127.0.0.1", port: $0.port) }, master: "mymaster"))
  }

  /// The server that the node uses.
  func server(of node: CacheNode) -> RedisServer? {
    servers.first { $0.port == node.master.address?.port }
  }

  /// Waits until a majority of the Sentinels has announced another master than `server`.
  func waitForAnotherMaster(than server: RedisServer) throws {
    try Polling.wait(for: "new master") {
      let others = try sentinels.filter { sentinel in
        let answer = try sentinel.command("SENTINEL", "MASTER", "mymaster")
          .split(separator: "\n")
        guard let index = answer.firstIndex(of: "port") else { return false }
        return answer[index + 1] != "\(server.port)"
      }
      return others.count >= 2
    }
  }
}
