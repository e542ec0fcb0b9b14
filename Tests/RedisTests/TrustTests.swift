import EventLoop
import KeyValueStore
import Observability
import TestServices
import Testing

@testable import Redis
import TestSupport

extension RedisServices {
  /// Faults of a single Redis.
  @Suite("A cache trusts Redis only as far as it is safe", .timeLimit(.minutes(1)))
  struct TrustTests {
    @Test("A Redis that restarts with its old dump serves nothing of it")
    func oldDump() async throws {
      let server = try RedisServer(options: ["--save", "3600 1"])
      try await CacheNode.with(server.configuration) { node in
        let revision = fresh()
        #expect(await node.cache.update("k", revision))
        #expect(await node.cache.kept("k") == .sample("k", revision))
        try server.command("SAVE")
        #expect(await node.cache.update("k", revision + 1))
        server.process.kill()
        #expect(await node.cache.update("k", revision + 2) == false)
        #expect(await node.cache.find(Key("k")) == .miss(nil))
        try server.start()
        let restored = try server.command("DBSIZE")
        #expect(restored != "0")
        try await node.untilHealthy()
        #expect(await node.cache.kept("k") == nil)
        #expect(await node.cache.update("k", fresh(3)))
        #expect(await node.cache.kept("k") != nil)
      }
    }

    @Test("A Redis that hangs costs one deadline, then nothing")
    func hang() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { node in
        let revision = fresh()
        #expect(await node.cache.update("k", revision))
        server.process.pause()
        let start = ContinuousClock.now
        #expect(await node.cache.find(Key("k")) == .miss(nil))
        for number in 0..<200 {
          #expect(await node.cache.find(Key("k\(number)")) == .miss(nil))
        }
        #expect(await node.cache.update("k", revision + 1) == false)
        // Only one has waited for its deadline. All of them would take ten seconds.
        #expect(ContinuousClock.now - start < .seconds(8))
        #expect(node.metrics.bypassed.value >= 190)
        await #expect(throws: StoreError.self) { try await node.cache.checkHealth() }
        server.process.resume()
        try await node.untilHealthy()
        #expect(await node.cache.kept("k") == nil)
        #expect(node.metrics.timeouts.value > 0 && node.master.failures.isEmpty)
      }
    }

    @Test("An idle cache notices a Redis that hung, and waits for the others' repairs")
    func idle() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { idle in
        try await CacheNode.with(server.configuration) { writer in
          let revision = fresh()
          #expect(await writer.cache.update("k", revision))
          #expect(await idle.cache.kept("k") == .sample("k", revision))
          server.process.pause()
          try await wait(for: "both to notice") {
            idle.metrics.loopsServing.value + writer.metrics.loopsServing.value == 0
          }
          #expect(await writer.cache.update("k", revision + 1) == false)
          server.process.resume()
          try await idle.untilHealthy()
          #expect(await idle.cache.kept("k") == nil)
        }
      }
    }

    @Test("While a node is not connected yet, no reader gets what its write has replaced")
    func earlyWriter() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { reader in
        let revision = fresh()
        #expect(await reader.cache.update("k", revision))
        let early = try CacheNode(server.configuration)
        #expect(await early.cache.update("k", revision + 1))
        let kept = await reader.cache.kept("k")
        #expect(kept == nil || kept?.revision == Revision(revision + 1))
        await early.stop()
      }
    }

    @Test("After a node has lost its connection, no reader gets what its write has replaced")
    func brokenWriter() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { reader in
        try await CacheNode.with(server.configuration) { writer in
          for _ in 0..<10 {
            let revision = fresh()
            // The writer can't: it is in a new session, in which no update may create an entry yet.
            #expect(await reader.cache.update("k", revision))
            #expect(await reader.cache.kept("k") == .sample("k", revision))
            // The writer has connected last.
            let identifiers = try server.command("CLIENT", "LIST").split(separator: "\n")
              .filter { $0.contains("name=key-value-store") }
              .compactMap { Int($0.prefix { $0 != " " }.dropFirst("id=".count)) }
            try server.command("CLIENT", "KILL", "ID", String(try #require(identifiers.max())))
            #expect(await writer.cache.update("k", revision + 1))
            let kept = await reader.cache.kept("k")
            #expect(kept == nil || kept?.revision == Revision(revision + 1))
          }
        }
      }
    }

    @Test("A reader that loaded an old row can't put it back over a newer write of another node")
    func interleaving() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { reader in
        try await CacheNode.with(server.configuration) { writer in
          let revision = fresh()
          guard case .miss(.some(let lease)) = await reader.cache.find(Key("k")) else {
            Issue.record("no lease")
            return
          }
          #expect(await writer.cache.update("k", revision))
          await reader.cache.fill(Key("k"), with: .sample("k", revision - 1), lease: lease)
          #expect(await reader.cache.kept("k") == .sample("k", revision))
          #expect(await writer.cache.kept("k") == .sample("k", revision))
        }
      }
    }

    @Test("Readers that fill in one turn share commands, and each fills what it has the lease of")
    func manyFills() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { node in
        let revision = fresh()
        let keys = (0..<150).map { "k\($0)" }
        var leases: [Lease] = []
        for key in keys {
          guard case .miss(.some(let lease)) = await node.cache.find(Key(key)) else {
            Issue.record("no lease for \(key)")
            return
          }
          leases.append(lease)
        }
        #expect(await node.cache.update("k3", revision + 1))
        leases[5] = leases[6]
        try server.command("CONFIG", "RESETSTAT")
        await Task(executorPreference: node.cache.loop.executor) { [leases] in
          for (key, lease) in zip(keys, leases) {
            await node.cache.fill(Key(key), with: .sample(key, revision), lease: lease)
          }
        }.value
        for key in keys where key != "k3" && key != "k5" {
          #expect(await node.cache.kept(key) == .sample(key, revision))
        }
        #expect(await node.cache.kept("k3") == .sample("k3", revision + 1))
        #expect(await node.cache.kept("k5") == nil)
        let statistics = try server.command("INFO", "commandstats")
        let calls = try #require(statistics.firstMatch(of: #/evalsha:calls=(\d+)/#)?.1)
        #expect(try #require(Int(calls)) <= 10)
      }
    }

    @Test("Scripts that Redis has forgotten are loaded again")
    func forgottenScripts() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { node in
        let revision = fresh()
        try server.command("SCRIPT", "FLUSH")
        #expect(await node.cache.update("k", revision))
        #expect(await node.cache.kept("k") == .sample("k", revision))
        try server.command("SCRIPT", "FLUSH")
        // A fill that finds the script missing is lost, and can be repeated when its lease ends.
        try await wait(for: "fill") {
          if case .miss(.some(let lease)) = await node.cache.find(Key("other")) {
            await node.cache.fill(Key("other"), with: .sample("other", 5), lease: lease)
          }
          return await node.cache.kept("other") == .sample("other", 5)
        }
        #expect(node.metrics.connects.value == 1)
      }
    }

    @Test("A wrong password is logged once, and the cache bypassed")
    func wrongPassword() async throws {
      let server = try RedisServer(options: ["--requirepass", "right"])
      var configuration = server.configuration
      configuration.password = "wrong-secret"
      let log = RecordingLog()
      let node = try CacheNode(configuration, logger: log.logger)
      try await wait(for: "warning") { !log.lines.isEmpty }
      #expect(await node.cache.find(Key("k")) == .miss(nil))
      #expect(await node.cache.update("k", 5) == false)
      await #expect(throws: StoreError.self) { try await node.cache.checkHealth() }
      await node.stop()
      #expect(log.lines.count == 1)
      #expect(log.lines.allSatisfy { $0.contains("WRONGPASS") && !$0.contains("secret") })
      configuration.password = "right"
      try await CacheNode.with(configuration) { node in
        #expect(await node.cache.update("k", fresh()))
      }
    }

    @Test("An ACL user may have a database of its own")
    func user() async throws {
      let server = try RedisServer()
      try server.command("ACL", "SETUSER", "kv", "on", ">pass", "~*", "&*", "+@all")
      let configuration = try RedisConfiguration(
        url: "redis://kv:pass@127.0.0.1:\(server.port)/4")
      try await CacheNode.with(configuration) { node in
        #expect(await node.cache.update("k", fresh()))
        #expect(await node.cache.statistics().keys == 1)
        let others = try server.command("DBSIZE")
        #expect(others == "0")
      }
    }

    @Test("Redis may be named, though the name has more addresses than Redis listens on")
    func hostName() async throws {
      let server = try RedisServer()
      let configuration = try RedisConfiguration(url: "redis://localhost:\(server.port)")
      try await CacheNode.with(configuration) { node in
        #expect(await node.cache.update("k", fresh()))
      }
    }

    @Test("A Redis that can't be written is bypassed")
    func readOnly() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { node in
        let revision = fresh()
        #expect(await node.cache.update("k", revision))
        try server.command("REPLICAOF", "127.0.0.1", "1")
        #expect(await node.cache.update("k", revision + 1) == false)
        #expect(await node.cache.find(Key("k")) == .miss(nil))
        try server.command("REPLICAOF", "NO", "ONE")
        try await node.untilHealthy()
        // The run id is the same: the entry was there all the time, and is outdated.
        #expect(await node.cache.kept("k") == nil)
      }
    }

    @Test("Without memory the newest update leaves nothing older behind")
    func noMemory() async throws {
      let server = try RedisServer(options: ["--maxmemory-policy", "noeviction"])
      try await CacheNode.with(server.configuration) { node in
        let revision = fresh()
        #expect(await node.cache.update("k", revision))
        try server.command("CONFIG", "SET", "maxmemory", "1")
        _ = await node.cache.update("k", revision + 1)
        #expect(await node.cache.kept("k") == nil)
        try server.command("CONFIG", "SET", "maxmemory", "0")
        #expect(await node.cache.update("k", revision))
        #expect(await node.cache.kept("k") == nil)
      }
    }

    @Test("After too many failed updates all is dropped")
    func overflow() async throws {
      let server = try RedisServer()
      var configuration = server.configuration
      configuration.failedUpdatesMax = 10
      try await CacheNode.with(configuration) { node in
        let revision = fresh()
        #expect(await node.cache.update((0..<20).map { CacheUpdate("k\($0)", revision) }))
        server.process.pause()
        let later = (0..<20).map { CacheUpdate("k\($0)", revision + 1) }
        #expect(await node.cache.update(later) == false)
        server.process.resume()
        try await node.untilHealthy()
        try await wait(for: "drop") { node.metrics.drops.value == 1 }
        let metrics = String(decoding: node.registry.text(), as: UTF8.self)
        #expect(metrics.contains("\nkv_redis_drops_total 1\n"))
        for number in 0..<20 {
          let kept = await node.cache.kept("k\(number)")
          #expect(kept == nil || kept?.revision == Revision(revision + 1))
        }
      }
    }

    @Test("A thousand updates of 8 KiB go out at once")
    func many() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { node in
        let revision = fresh()
        let value = [UInt8](repeating: 1, count: 8_192)
        let updates = (0..<1_000).map {
          CacheUpdate(key: Key("k\($0)"), lookup: .sample("k\($0)", revision, value: value))
        }
        #expect(await node.cache.update(updates))
        #expect(await node.cache.kept("k999") == updates[999].lookup)
        #expect(await node.cache.statistics().keys == 1_000)
      }
    }

    @Test("Past its bounds a connection fails commands at once")
    func bounds() async throws {
      let server = try RedisServer()
      var configuration = server.configuration
      configuration.pendingCommandsMax = 2
      try await CacheNode.with(configuration) { node in
        let revision = fresh()
        let updates = (0..<200).map { CacheUpdate("k\($0)", revision) }
        // The updates beyond the bound are repaired before they are acknowledged.
        #expect(await node.cache.update(updates))
        #expect(node.metrics.repairs.value == 200)
        #expect(await node.cache.update("k0", revision + 1))
      }
    }
  }
}
