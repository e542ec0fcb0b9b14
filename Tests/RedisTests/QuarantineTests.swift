import Basics
import Observability
import TestServices
import TestSupport
import Testing

@testable import KeyValueStore
@testable import Redis

extension RedisServices {
  /// When a session begins, other processes may still acknowledge what Redis does not have.
  @Suite("A new session does not read for a while", .timeLimit(.minutes(1)))
  struct QuarantineTests {
    @Test("A node that has just started updates Redis, and reads from it later")
    func start() async throws {
      let server = try RedisServer()
      let node = try CacheNode(server.configuration)
      try await wait(for: "session") { node.metrics.connects.value == 1 }
      try await node.cache.checkUpdates()
      await #expect(throws: StoreError.self) { try await node.cache.checkHealth() }
      #expect(await node.cache.find(Key("k")) == .miss(nil))
      #expect(await node.cache.update("k", fresh()))
      try await node.untilHealthy()
      // The update was too early to create an entry.
      guard case .miss(.some) = await node.cache.find(Key("k")) else {
        Issue.record("no lease")
        return
      }
      await node.stop()
    }

    @Test("After Redis has restarted, no reader gets what a node replaces that is not back yet")
    func restart() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { reader in
        server.process.kill()
        try await wait(for: "broken connection") { reader.metrics.loopsServing.value == 0 }
        try server.start()
        try await wait(for: "session") { reader.metrics.connects.value == 2 }
        // A reader loads a row, and a late update comes. Then another node, which still waits to
        // connect again, acknowledges newer revisions without a repair.
        if case .miss(.some(let lease)) = await reader.cache.find(Key("read")) {
          await reader.cache.fill(Key("read"), with: .sample("read", fresh()), lease: lease)
        }
        #expect(await reader.cache.update("updated", fresh()))
        try await reader.untilHealthy()
        #expect(await reader.cache.kept("read") == nil)
        #expect(await reader.cache.kept("updated") == nil)
      }
    }

    @Test("A node that is certain of its master again does not read from it at once")
    func certainty() async throws {
      let server = try RedisServer()
      let node = try CacheNode(.silent)
      let view = server.view(epoch: 1)
      _ = node.master.confirm(view, until: .distantFuture)
      try await node.untilHealthy()
      let revision = fresh()
      #expect(await node.cache.update("k", revision))
      #expect(await node.cache.kept("k") == .sample("k", revision))
      _ = node.master.confirm(view, until: .distantPast)
      #expect(await node.cache.find(Key("k")) == .miss(nil))
      // Another node, which had no majority either, has acknowledged a newer revision.
      _ = node.master.confirm(view, until: .distantFuture)
      #expect(await node.cache.find(Key("k")) == .miss(nil))
      // There is none: the entry is served once such a node had the time to repair it.
      try await node.untilHealthy()
      #expect(node.metrics.connects.value == 2)
      #expect(await node.cache.kept("k") == .sample("k", revision))
      await node.stop()
    }
  }
}

/// The durations that the model in Tests/Model takes for granted.
@Suite("Whoever waits for others waits longer than they may take")
struct DurationTests {
  @Test("A request for a repair outlives the votes for a master that can't be repaired any more")
  func patience() {
    let evidence = RepairEvidence(trustTime: RedisMaster.trustTime)
    #expect(evidence.patience >= SentinelVotes.lifetime + RepairEvidence.answerTime)
  }

  @Test("A quarantine outlasts an attempt to connect, a pause, and the reliance on silence")
  func quarantine() {
    var configuration = RedisConfiguration()
    #expect(configuration.relianceMax >= RepairEvidence.relianceMax)
    for deadline: Duration in [configuration.connectDeadline, .seconds(7)] {
      configuration.connectDeadline = deadline
      let others = deadline + RedisConfiguration.reconnectPauseMax + configuration.relianceMax
      #expect(configuration.quarantine >= others)
    }
  }
}
