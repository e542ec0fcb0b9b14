import Basics
import KeyValueStore
import Observability
import Synchronization
import TestServices
import TestSupport
import Testing

@testable import Redis

extension RedisServices {
  /// Random readers and writers against a model of what the database acknowledged.
  @Suite("Nothing older than the newest acknowledged write is served", .timeLimit(.minutes(2)))
  struct LoadTests {
    /// A database of one number for each key: the newest revision. A write is acknowledged once it
    /// is committed and the update of the cache has succeeded or failed.
    private final class Model: Sendable {
      struct Row {
        var committed: Int64 = 0
        var acknowledged: Int64 = 0
      }
      private let state: Mutex<[Row]>
      /// The workers are to stop.
      let isOver = Atomic(false)

      init(keys: Int) { state = Mutex(Array(repeating: Row(), count: keys)) }

      func commit(_ key: Int) -> Int64 {
        state.withLock { rows in
          let revision = max(rows[key].committed + 1, SystemTime.microseconds())
          rows[key].committed = revision
          return revision
        }
      }

      func acknowledge(_ key: Int, _ revision: Int64) {
        state.withLock { $0[key].acknowledged = max($0[key].acknowledged, revision) }
      }

      func acknowledged(_ key: Int) -> Int64 { state.withLock { $0[key].acknowledged } }
      func committed(_ key: Int) -> Int64 { state.withLock { $0[key].committed } }
    }

    /// Reads and writes until `isOver`; the size of the values makes Redis evict.
    private func work(
      on node: CacheNode, _ model: Model, keys: Int, valueBytes: Int, seed: UInt64,
      until isOver: () -> Bool
    ) async -> (hits: Int, stale: Int) {
      var random = SeededGenerator(seed: seed)
      var hits = 0
      var tooOld = 0
      let value = [UInt8](repeating: 1, count: valueBytes)
      while !isOver() {
        let number = Int.random(in: 0..<keys, using: &random)
        let key = Key("key \(number)")
        if Int.random(in: 0..<4, using: &random) == 0 {
          let revision = model.commit(number)
          if Int.random(in: 0..<4, using: &random) == 0 { await Task.yield() }
          _ = await node.cache.update([
            CacheUpdate(key: key, lookup: .sample("key \(number)", revision, value: value))
          ])
          model.acknowledge(number, revision)
          continue
        }
        let least = model.acknowledged(number)
        switch await node.cache.find(key) {
        case .hit(let lookup):
          hits += 1
          if lookup.revision.number < least { tooOld += 1 }
        case .miss(let lease):
          let row = model.committed(number)
          guard let lease else { continue }
          if Int.random(in: 0..<4, using: &random) == 0 { await Task.yield() }
          let lookup =
            row == 0
            ? Lookup.absent(.none) : .sample("key \(number)", row, value: value)
          await node.cache.fill(key, with: lookup, lease: lease)
        }
      }
      return (hits, tooOld)
    }

    /// Two nodes with four workers each.
    private func run(
      _ first: CacheNode, _ second: CacheNode, keys: Int, valueBytes: Int,
      meanwhile: @Sendable () async throws -> Void
    ) async throws -> (hits: Int, stale: Int) {
      let model = Model(keys: keys)
      let seed = UInt64.random(in: 0 ... .max)
      print("seed \(seed)")
      for number in 0..<keys {
        let revision = model.commit(number)
        let key = "key \(number)"
        _ = await first.cache.update([
          CacheUpdate(
            key: Key(key),
            lookup: .sample(key, revision, value: [UInt8](repeating: 1, count: valueBytes)))
        ])
        model.acknowledge(number, revision)
      }
      return try await withThrowingTaskGroup(of: (hits: Int, stale: Int).self) { group in
        for worker in 0..<8 {
          group.addTask {
            await self.work(
              on: worker % 2 == 0 ? first : second, model, keys: keys, valueBytes: valueBytes,
              seed: seed &+ UInt64(worker), until: { model.isOver.load(ordering: .relaxed) })
          }
        }
        do {
          defer { model.isOver.store(true, ordering: .relaxed) }
          try await meanwhile()
        }
        return try await group.reduce((0, 0)) { ($0.0 + $1.hits, $0.1 + $1.stale) }
      }
    }

    /// Lets the workers work for so many times 5 ms.
    @Sendable private func pauses(_ count: Int) {
      for _ in 0..<count { Polling.pause() }
    }

    @Test("While Redis evicts at random", arguments: ["allkeys-lru", "allkeys-random"])
    func eviction(policy: String) async throws {
      let server = try RedisServer(options: [
        "--maxmemory", "6mb", "--maxmemory-policy", policy,
      ])
      try await CacheNode.with(server.configuration) { first in
        try await CacheNode.with(server.configuration) { second in
          let result = try await run(
            first, second, keys: 2_000, valueBytes: 4_000, meanwhile: { pauses(800) })
          #expect(result.stale == 0)
          #expect(result.hits > 0)
          #expect(await first.cache.statistics().evictions > 0)
        }
      }
    }

    @Test("While Redis hangs and goes on, again and again")
    func hanging() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { first in
        try await CacheNode.with(server.configuration) { second in
          let result = try await run(
            first, second, keys: 50, valueBytes: 100,
            meanwhile: {
              for _ in 0..<4 {
                pauses(60)
                server.process.pause()
                pauses(80)
                server.process.resume()
                try await first.untilHealthy()
                try await second.untilHealthy()
              }
              pauses(120)
            })
          #expect(result.stale == 0)
          #expect(result.hits > 0)
          #expect(first.metrics.timeouts.value + second.metrics.timeouts.value > 0)
        }
      }
    }
  }
}
