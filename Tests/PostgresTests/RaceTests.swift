import KeyValueStore
import Observability
import StoreContracts
import TestServices
import TestSupport
import Testing

@testable import Postgres

extension OnAnyDatabase {
  @Suite("Nodes that write at once")
  struct RaceTests {
    /// Two nodes with two loops each on a database of their own.
    private func onTwoNodes(
      _ body: (TestDatabase, [PostgresDatabase]) async throws -> Void
    ) async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current))
      // These tests are about who gets through, not about how soon.
      let nodes = try (0..<2).map { _ in
        try Node(target.url, loops: 2) {
          $0.deadline = .seconds(20)
          $0.writeValidity = .seconds(10)
        }
      }
      try await body(target, nodes.flatMap(\.databases))
      for node in nodes { await node.close() }
      try target.drop()
    }

    @Test("A counter that 64 clients add to counts every addition once, also repeated ones")
    func counter() async throws {
      try await onTwoNodes { _, databases in
        try await concurrently(64) { number in
          let database = databases[number % 4]
          for round in 0..<10 {
            let isNamed = number % 4 == round % 4
            let write = Write.add(
              "k", 1, idempotency: isNamed ? IdempotencyKey("\(number)-\(round)") : nil)
            _ = try await database.write([write])
            if isNamed { #expect(try await database.write([write])[0].isReplayed) }
          }
        }
        let entry = try await databases[0].read([Key("k")])[0].entry
        #expect(entry?.value == Array("640".utf8) && entry?.metadata.version == 640)
      }
    }

    @Test("Of 50 writers with the same If-Match, exactly one wins each revision")
    func ifMatch() async throws {
      try await onTwoNodes { _, databases in
        var current = Revision.none
        for round in 0..<10 {
          let condition =
            round == 0
            ? Condition(ifNoneMatch: .any) : Condition(ifMatch: .revisions([current]))
          let wins = Tally()
          let last = current
          try await concurrently(50) { number in
            let receipts = try await databases[number % 4].write([
              .put("k", "\(number)", condition: condition)
            ])
            switch receipts[0].outcome {
            case .stored: await wins.add()
            case .preconditionFailed(let met): #expect(met != nil && met != last)
            default: Issue.record("neither won nor lost")
            }
          }
          #expect(await wins.count == 1)
          let metadata = try await databases[0].read([Key("k")])[0].entry?.metadata
          #expect(metadata?.version == Int64(round + 1))
          current = try #require(metadata?.revision)
        }
      }
    }

    @Test("A request that arrives at several nodes at once is executed once")
    func idempotency() async throws {
      try await onTwoNodes { _, databases in
        for round in 0..<10 {
          let key = IdempotencyKey(name: "name-\(round)", fingerprint: [1])
          let firsts = Tally()
          try await concurrently(12) { number in
            let receipts = try await databases[number % 4].write([
              .put("k", idempotency: key), .put("other-\(number)"),
            ])
            if !receipts[0].isReplayed { await firsts.add() }
          }
          #expect(await firsts.count == 1)
          let entry = try await databases[0].read([Key("k")])[0].entry
          #expect(entry?.metadata.version == Int64(round + 1))
        }
      }
    }

    @Test("Of different requests under one name, at once on several nodes, one is executed")
    func idempotencyMismatch() async throws {
      try await onTwoNodes { _, databases in
        let stored = Tally()
        try await concurrently(8) { number in
          let key = IdempotencyKey(name: "name", fingerprint: [UInt8(number)])
          let receipt = try await databases[number % 4].write([
            .put("k-\(number)", idempotency: key)
          ])[0]
          if case .stored = receipt.outcome { await stored.add() }
        }
        #expect(await stored.count == 1)
      }
    }

    @Test("Batches of every kind on the same keys never wait for each other in a circle")
    func deadlocks() async throws {
      try await onTwoNodes { target, databases in
        let now = try target.now()
        let seed = UInt64.random(in: 0...UInt64.max)
        try await concurrently(8) { number in
          var random = SeededGenerator(seed: seed &+ UInt64(number))
          let database = databases[number % 4]
          for round in 0..<25 {
            let keys = (0..<40).map { "k\($0)" }.shuffled(using: &random).prefix(20)
            let writes = keys.map { randomWrite($0, using: &random) }
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<7:
              _ = try await database.write(Array(writes))
            case 7:
              let id = number * 1_000_000 + round * 1_000
              let queued = writes.filter { !$0.isPatch }.enumerated()
              _ = try await database.apply(queued.map { QueuedWrite(id + $0, $1, at: now) })
            case 8:
              let named = writes.prefix(3).enumerated().map { index, write in
                var write = write
                let name = "\(number)-\(round)-\(index)"
                write.idempotency = IdempotencyKey(name: name, fingerprint: [])
                return write
              }
              _ = try await database.write(named + writes.dropFirst(3))
            default:
              _ = try await database.purgeExpired(limit: 10)
            }
          }
        }
        guard let server = SharedServer.current as? PostgresServer else { return }
        #expect(!server.log.contains("\(target.name) ERROR:  deadlock"), "seed \(seed)")
      }
    }

    @Test("Batches of different keys do not conflict")
    func disjointBatches() async throws {
      try await onTwoNodes { _, databases in
        try await concurrently(8) { number in
          for round in 0..<5 {
            // Neighbours in the index, as keys that share a prefix are.
            let operations = (0..<200).map {
              Batch.Operation.write(.put("\($0)-\(number)-\(round)"))
            }
            let receipt = try await databases[number % 4].execute(
              Batch(operations: operations, isAtomic: true))
            guard case .completed = receipt.outcome else {
              Issue.record("\(receipt.outcome)")
              return
            }
          }
        }
        // CockroachDB may push a transaction behind others and restart it.
        guard SharedServer.current is PostgresServer else { return }
        #expect(databases.map { $0.metrics.conflicts.value } == [0, 0, 0, 0])
      }
    }

    @Test("What a batch found missing was missing when it took effect")
    func writeSkew() async throws {
      try await onTwoNodes { _, databases in
        for round in 0..<20 {
          let (left, right) = ("left-\(round)", "right-\(round)")
          let sawNothing = Tally()
          try await concurrently(2) { number in
            let (read, written) = number == 0 ? (left, right) : (right, left)
            let receipt = try await databases[number * 2].execute(
              Batch(
                operations: [.get(Key(read)), .write(.put(written))], isAtomic: true))
            guard case .completed(let outcomes) = receipt.outcome,
              case .read(let lookup) = outcomes[0]
            else {
              Issue.record("\(receipt.outcome)")
              return
            }
            if lookup.entry == nil { await sawNothing.add() }
          }
          #expect(await sawNothing.count <= 1, "both were first, in round \(round)")
        }
      }
    }

    @Test("Batches in serializable transactions meet single writes and both get through")
    func batches() async throws {
      try await onTwoNodes { _, databases in
        try await concurrently(8) { number in
          let database = databases[number % 4]
          for _ in 0..<10 {
            if number < 4 {
              let operations = ["a", "b", "c"].map { Batch.Operation.write(.put($0, "\(number)")) }
              _ = try await database.execute(Batch(operations: operations, isAtomic: true))
            } else {
              _ = try await database.write([.put("a"), .put("d")])
            }
          }
        }
        let lookups = try await databases[0].read(["a", "b", "c", "d"].map { Key($0) })
        #expect(lookups.map { $0.entry?.metadata.version } == [80, 40, 40, 40])
      }
    }
  }
}

extension Write {
  /// Whether it can't be queued.
  fileprivate var isPatch: Bool { if case .patch = mutation { true } else { false } }
}

/// A write of any kind.
private func randomWrite(_ key: String, using random: inout SeededGenerator) -> Write {
  switch Int.random(in: 0..<8, using: &random) {
  case 0: .delete(key)
  case 1: .put(key, condition: Condition(ifNoneMatch: .any))
  case 2: .put(key, condition: Condition(ifMatch: .any))
  case 3: .add(key, 1)
  case 4: .patch(key, Patch(expiry: .never))
  default: .put(key, timeToLive: Bool.random(using: &random) ? 1 : nil)
  }
}
