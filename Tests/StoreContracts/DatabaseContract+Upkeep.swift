import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let purging: [Case] = [
    Case("Purging turns expired entries into tombstones and returns their changes, once") {
      harness in
      let expired = try await harness.store("b", timeToLive: 1)
      try await harness.store("a", timeToLive: 1_000)
      try await harness.store("c")
      try await harness.advance(seconds: 5)
      let changes = try await harness.database.purgeExpired(limit: 10).changes
      let revision = expired.revision.next(at: expired.updatedAt.adding(seconds: 1))
      #expect(changes.map(\.key) == [Key("b")] && changes.map(\.kind) == [.expire])
      #expect(changes.map(\.revision) == [revision])
      #expect(try await harness.lookup("b") == .absent(revision))
      #expect(try await harness.database.purgeExpired(limit: 10).changes.isEmpty)
      #expect(try await harness.value("a") == "value")
      #expect(try await harness.value("c") == "value")
    },
    Case("Purging takes at most its limit, each key once") { harness in
      let keys = (0..<7).map { "k\($0)" }
      for key in keys { try await harness.store(key, timeToLive: 1) }
      try await harness.advance(seconds: 2)
      var purged: [[Key]] = []
      for _ in 0..<4 {
        purged.append(try await harness.database.purgeExpired(limit: 3).changes.map(\.key))
      }
      #expect(purged.map(\.count) == [3, 3, 1, 0])
      #expect(Set(purged.joined()) == Set(keys.map { Key($0) }))
    },
    Case("An entry that was written again, or deleted, is not purged") { harness in
      try await harness.store("again", timeToLive: 10)
      try await harness.store("deleted", timeToLive: 10)
      try await harness.store("again")
      try await harness.remove("deleted")
      try await harness.advance(seconds: 20)
      #expect(try await harness.database.purgeExpired(limit: 10).changes.isEmpty)
      #expect(try await harness.value("again") == "value")
    },
    Case("A queued write accepted since the expiry applies after the purge") { harness in
      let start = try await harness.store("k", timeToLive: 10).updatedAt
      try await harness.advance(seconds: 30)
      _ = try await harness.database.purgeExpired(limit: 10)
      let late = QueuedWrite(1, .put("k", "no"), at: start.adding(seconds: 5))
      let since = QueuedWrite(2, .put("k", "yes"), at: start.adding(seconds: 20))
      let applied = try await harness.database.apply([late, since])
      #expect(applied.map(\.record.state) == [.superseded, .applied])
      #expect(try await harness.value("k") == "yes")
    },
    Case("After a purge, a put creates an entry with a greater revision") { harness in
      try await harness.store("k", timeToLive: 1)
      try await harness.advance(seconds: 2)
      let purged = try await harness.database.purgeExpired(limit: 1).changes
      let again = try await harness.store("k")
      #expect(again.version == 1 && again.revision > purged[0].revision)
    },
    Case("Tombstones, operations and idempotency keys are removed after 24 h, and not before") {
      harness in
      try await harness.store("deleted")
      let tombstone = try await harness.remove("deleted")
      let write = Write.put("live", "1", idempotency: IdempotencyKey("a"))
      _ = try await harness.write(write)
      let queued = QueuedWrite(1, .put("queued"), at: try await harness.now())
      _ = try await harness.database.apply([queued])
      try await harness.advance(seconds: 86_000)
      #expect(try await harness.database.purgeRetained(limit: 100) == 0)
      #expect(try await harness.lookup("deleted") == .absent(tombstone))
      try await harness.advance(seconds: 1_000)
      #expect(try await harness.database.purgeRetained(limit: 100) == 3)
      #expect(try await harness.database.purgeRetained(limit: 100) == 0)
      #expect(try await harness.lookup("deleted") == .absent(.none))
      #expect(try await harness.value("live") == "1")
      #expect(try await harness.value("queued") == "value")
      #expect(try await !harness.write(write).isReplayed)
    },
    Case("Records past their retention are removed in portions of the limit") { harness in
      for number in 0..<5 {
        try await harness.store("k\(number)")
        try await harness.remove("k\(number)")
        _ = try await harness.write(
          .delete("none", idempotency: IdempotencyKey("name-\(number)")))
      }
      try await harness.advance(seconds: 90_000)
      var removed: [Int] = []
      for _ in 0..<5 { removed.append(try await harness.database.purgeRetained(limit: 3)) }
      #expect(removed == [3, 3, 3, 1, 0])
    },
  ]

  static let concurrency: [Case] = [
    Case("Of writers with the same If-Match, exactly one wins") { harness in
      for round in 0..<10 {
        let current = try await harness.store("k", "start").revision
        let wins = Counter()
        try await harness.concurrently(8) { number, database in
          let receipts = try await database.write([
            .put("k", "\(round)-\(number)", condition: .matching(current))
          ])
          if case .stored = receipts[0].outcome { await wins.add() }
        }
        #expect(await wins.count == 1)
        #expect(try await harness.lookup("k").entry?.metadata.version == Int64(round * 2 + 2))
      }
    },
    Case("Of writers with If-None-Match: *, exactly one creates") { harness in
      let wins = Counter()
      try await harness.concurrently(16) { number, database in
        let receipts = try await database.write([.put("k", "\(number)", condition: .isAbsent)])
        if case .stored = receipts[0].outcome { await wins.add() }
      }
      #expect(await wins.count == 1)
      #expect(try await harness.lookup("k").entry?.metadata.version == 1)
    },
    Case("Every concurrent write of a key counts one version") { harness in
      try await harness.concurrently(16) { _, database in
        for _ in 0..<10 { _ = try await database.write([.put("k")]) }
      }
      #expect(try await harness.lookup("k").entry?.metadata.version == 160)
    },
    Case("Concurrent atomic batches do not mix: values read together were written together") {
      harness in
      try await harness.concurrently(8) { number, database in
        for round in 0..<10 {
          let value = "\(number)-\(round)"
          let receipt = try await database.execute(
            Batch(
              operations: [
                .get(Key("a")), .get(Key("b")), .write(.put("a", value)),
                .write(.put("b", value)),
              ], isAtomic: true))
          guard case .completed(let results) = receipt.outcome,
            case .read(let a) = results[0], case .read(let b) = results[1]
          else { throw ContractViolation("not completed") }
          #expect(a.entry?.value == b.entry?.value)
        }
      }
    },
    Case("A read sees every write that was acknowledged before it") { harness in
      try await harness.concurrently(8) { number, database in
        for round in 0..<25 {
          let key = Key("k\(number)")
          _ = try await database.write([.put("k\(number)", "\(round)")])
          let lookups = try await database.read([key])
          #expect(lookups[0].entry?.value == Array("\(round)".utf8))
        }
      }
    },
    Case("A queued write that is delivered to several processes at once is applied once") {
      harness in
      let queued = QueuedWrite(1, .put("k"), at: try await harness.now())
      let applications = Counter()
      try await harness.concurrently(8) { _, database in
        let applied = try await database.apply([queued])
        if applied[0].outcome != nil { await applications.add() }
      }
      #expect(await applications.count == 1)
      #expect(try await harness.lookup("k").entry?.metadata.version == 1)
    },
  ]
}

/// Counts what concurrent tasks report.
actor Counter {
  private(set) var count = 0

  func add() { count += 1 }
}
