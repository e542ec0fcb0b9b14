public import KeyValueStore
internal import TestSupport
import Testing

/// The contract of `SharedDatabase`, in addition to `DatabaseContract`.
public enum SharedDatabaseContract {
  public typealias Case = ContractCase<any SharedDatabaseHarness>

  /// Each case needs a harness of its own.
  public static let cases: [Case] =
    remembering + following + settling + repairing + attempting + failing

  static let remembering: [Case] = [
    Case("The outbox has every kind of committed change, exactly as it was committed") { harness in
      let stored = try await harness.store("put", "value", timeToLive: 1_000)
      let conditional = try await harness.store("conditional", condition: .isAbsent)
      let deleted = try await harness.store("deleted")
      let tombstone = try await harness.remove("deleted")
      let changes = try await harness.unpublishedChanges()
      let expected: [Change] = [
        Change(
          key: Key("put"), revision: stored.revision, kind: .put(stored), previous: Revision.none),
        Change(
          key: Key("conditional"), revision: conditional.revision, kind: .put(conditional),
          previous: Revision.none),
        Change(
          key: Key("deleted"), revision: tombstone, kind: .delete, previous: deleted.revision),
      ]
      for change in expected { #expect(changes.contains(change)) }
      #expect(changes.count == 4)
    },
    Case("A write that changes nothing leaves nothing in the outbox") { harness in
      try await harness.store("k")
      _ = try await harness.write(.put("k", condition: .isAbsent))
      _ = try await harness.write(.delete("none"))
      _ = try await harness.database.execute(
        Batch(
          operations: [.write(.put("a")), .write(.put("k", condition: .isAbsent))],
          isAtomic: true))
      #expect(try await harness.unpublishedChanges().map(\.key) == [Key("k")])
    },
    Case("The outbox has queued writes, batches, idempotent writes and purges, too") { harness in
      let queued = QueuedWrite(1, .put("queued"), at: try await harness.now())
      let applied = try await harness.database.apply([queued])
      _ = try await harness.database.execute(
        Batch(operations: [.write(.put("batch", "1")), .write(.put("batch", "2"))], isAtomic: true))
      _ = try await harness.write(.put("named", idempotency: IdempotencyKey("a")))
      try await harness.store("expired", timeToLive: 1)
      try await harness.advance(seconds: 5)
      let purged = try await harness.database.purgeExpired(limit: 10)
      let changes = try await harness.unpublishedChanges()
      guard case .stored(let metadata)? = applied[0].outcome else {
        throw ContractViolation("not applied")
      }
      #expect(
        changes.contains(
          Change(
            key: Key("queued"), revision: metadata.revision, kind: .put(metadata),
            previous: Revision.none)))
      #expect(purged.changes.count == 1 && changes.contains(purged.changes[0]))
      #expect(try await harness.unpublished().contains(purged))
      // The states in between, too: versions count them.
      #expect(changes.count { $0.key == Key("batch") } == 2)
      #expect(changes.count { $0.key == Key("named") } == 1)
      let last = changes.last { $0.key == Key("batch") }
      #expect(try await harness.lookup("batch").revision == last?.revision)
    },
    Case("The outbox has every write of a key that one call applied") { harness in
      let now = try await harness.now()
      try await harness.advance(seconds: 10)
      _ = try await harness.database.apply(
        (1...3).map { QueuedWrite($0, .put("k", "\($0)"), at: now.adding(seconds: Int64($0))) })
      #expect(
        try await harness.unpublishedChanges().map(\.revision.number)
          == (1...3).map { now.adding(seconds: Int64($0)).microseconds })
    },
    Case("The outbox has the changes of a call under the names in its receipts") { harness in
      try await harness.store("old")
      let before = try await harness.now()
      let receipts = try await harness.database.write([
        .put("a"), .put("b", condition: .isAbsent), .delete("old"), .put("c", "1"), .put("c", "2"),
        .delete("none"),
      ])
      let batches = try await harness.unpublished()
      for (receipt, key) in zip(receipts, ["a", "b", "old", "c", "c"]) {
        let change = try #require(receipt.change(of: Key(key)))
        let batch = try #require(batches.first { $0.id == receipt.outbox })
        #expect(batch.changes.contains(change))
      }
      #expect(receipts[5] == WriteReceipt(outcome: .notFound))
      let after = try await harness.now()
      let times = receipts.compactMap(\.outbox?.committedAt)
      #expect(times.count == 5)
      // By the database's clock, as the writer knows it.
      let slack: Int64 = 1
      #expect(times.allSatisfy { $0 >= before.adding(seconds: -slack) })
      #expect(times.allSatisfy { $0 <= after.adding(seconds: slack) })
    },
    Case("If one call writes a key several times, the outbox has every change, in order") {
      harness in
      let receipts = try await harness.database.write(
        (1...3).map { .put("k", String(repeating: "x", count: $0)) })
      let changes = receipts.compactMap { $0.change(of: Key("k")) }
      #expect(changes.count == 3)
      #expect(try await harness.unpublishedChanges() == changes)
    },
    Case("If one call patches or adds to keys, the outbox has every change, in order") { harness in
      try await harness.store("text", "x")
      try await harness.store("limited", "98", contentType: "a/b", timeToLive: 1_000)
      let writes: [Write] = [
        .add("k", 9), .add("limited", 1), .add("k", 1), .add("limited", 1), .add("k", -11),
        .add("limited", 1), .patch("text", Patch(contentType: "c/d", expiry: .never)),
        .patch("none", Patch()), .add("k", 0),
      ]
      let receipts = try await harness.database.write(writes)
      let made = zip(writes, receipts).compactMap { $1.change(of: $0.key) }
      #expect(made.count == 8)
      let changes = try await harness.unpublishedChanges().suffix(8)
      for key in ["k", "limited", "text"] {
        #expect(changes.filter { $0.key == Key(key) } == made.filter { $0.key == Key(key) })
      }
    },
    Case("Changes are returned from an age on, the oldest first, up to the limit") { harness in
      for number in 0..<5 {
        try await harness.store("k\(number)")
        try await harness.advance(seconds: 10)
      }
      // They are 50, 40, 30, 20 and 10 s old.
      let old = try await harness.shared.unpublished(olderThan: .seconds(25), limit: 100)
      #expect(old.flatMap(\.changes).map(\.key) == [Key("k0"), Key("k1"), Key("k2")])
      let first = try await harness.shared.unpublished(olderThan: .seconds(5), limit: 2)
      #expect(first.flatMap(\.changes).map(\.key) == [Key("k0"), Key("k1")])
      let again = try await harness.shared.unpublished(olderThan: .seconds(5), limit: 2)
      #expect(again == first)
    },
  ]

  static let settling: [Case] = [
    Case("A settled commit is not returned again, and other commits of its keys are") { harness in
      try await harness.store("k", "1")
      let first = try await harness.unpublished().compactMap(\.id)
      let second = try await harness.store("k", "2")
      try await harness.shared.settle(first)
      #expect(try await harness.unpublishedChanges().map(\.revision) == [second.revision])
      // The same once more, and one that never existed.
      try await harness.shared.settle(
        first + [OutboxID(committedAt: try await harness.now(), number: 1)])
      try await harness.shared.settle([])
      #expect(try await harness.unpublished().count == 1)
    },
    Case("Published commits are settled without a call") { harness in
      try await harness.store("a")
      harness.published.add(try await harness.unpublished().compactMap(\.id))
      try await harness.store("b")
      try await harness.expectUnpublished([Key("b")])
      #expect(harness.published.count == 0)
    },
    Case("Several processes may settle the same commits at once") { harness in
      for number in 0..<50 { try await harness.store("k\(number)") }
      let ids = try await harness.unpublished().compactMap(\.id)
      #expect(ids.count == 50)
      try await harness.concurrently(8) { number, database in
        guard let shared = database as? any SharedDatabase else { return }
        var generator = SystemRandomNumberGenerator()
        try await shared.settle(ids.shuffled(using: &generator))
      }
      #expect(try await harness.unpublished().isEmpty)
    },
  ]

  static let repairing: [Case] = [
    Case("A request to repair the cache is found at once, until the cache is repaired") {
      harness in
      let requested = try await harness.store("k", "1")
      let ids = try await harness.unpublished().compactMap(\.id)
      try await harness.store("other")
      #expect(try await harness.shared.areRepaired(ids))
      try await harness.shared.requestRepair(after: ids)
      try await harness.shared.requestRepair(after: ids)
      #expect(try await !harness.shared.areRepaired(ids))
      let requests = try await harness.shared.repairRequests(limit: 10)
      #expect(requests.flatMap(\.changes).map(\.revision) == [requested.revision])
      #expect(requests.compactMap(\.id) == ids.map { $0.awaitingRepair(true) })
      // The commit itself is not settled by this.
      #expect(try await Set(harness.unpublishedChanges().map(\.key)) == [Key("k"), Key("other")])
      try await harness.shared.endRepair(after: requests.compactMap(\.id))
      #expect(try await harness.shared.areRepaired(ids))
      #expect(try await harness.shared.repairRequests(limit: 10).isEmpty)
      #expect(try await Set(harness.unpublishedChanges().map(\.key)) == [Key("k"), Key("other")])
      try await harness.shared.settle(ids)
      #expect(try await harness.unpublishedChanges().map(\.key) == [Key("other")])
    },
    Case("A settled commit needs no repair, and one that needs repair can be settled") { harness in
      try await harness.store("k")
      let ids = try await harness.unpublished().compactMap(\.id)
      try await harness.shared.requestRepair(after: ids)
      try await harness.shared.settle(try await harness.unpublished().compactMap(\.id))
      #expect(try await harness.shared.areRepaired(ids))
      try await harness.shared.requestRepair(after: ids)
      #expect(try await harness.shared.areRepaired(ids))
      #expect(try await harness.shared.repairRequests(limit: 10).isEmpty)
      #expect(try await harness.unpublished().isEmpty)
    },
    Case("Requests are returned in portions, the oldest first") { harness in
      for number in 0..<5 { try await harness.store("k\(number)") }
      try await harness.shared.requestRepair(
        after: try await harness.unpublished().compactMap(\.id))
      let first = try await harness.shared.repairRequests(limit: 2)
      #expect(first.flatMap(\.changes).map(\.key) == [Key("k0"), Key("k1")])
      try await harness.shared.endRepair(after: first.compactMap(\.id))
      let rest = try await harness.shared.repairRequests(limit: 10)
      #expect(rest.flatMap(\.changes).map(\.key) == [Key("k2"), Key("k3"), Key("k4")])
    },
  ]

  static let attempting: [Case] = [
    Case("A queued write that took effect before it was queued is recorded, not applied again") {
      harness in
      let start = try await harness.now()
      try await harness.store("deleted")
      let receipts = try await harness.database.write([
        .put("k", "1"), .put("k", "2"), .put("k", "3"), .delete("deleted"),
      ])
      let newer = try await harness.store("k", "newer")
      let copies = [
        QueuedWrite(1, .put("k", "1"), at: start, attempt: receipts[0].outbox),
        QueuedWrite(2, .delete("deleted"), at: start, attempt: receipts[3].outbox),
      ]
      let applied = try await harness.database.apply(copies)
      #expect(applied.allSatisfy { $0.record.state == .applied && $0.outcome == nil })
      #expect(
        applied.map(\.record.revision) == [
          // The revision of the last put of the commit.
          receipts[2].outcome.change(of: Key("k"))?.revision,
          receipts[3].outcome.change(of: Key("deleted"))?.revision,
        ])
      #expect(try await harness.lookup("k").entry?.metadata == newer)
      #expect(newer.version == 4)
      #expect(try await harness.database.operation(copies[0].id) == applied[0].record)
    },
    Case("It is so even after the change was settled, for as long as tombstones stay") {
      harness in
      let start = try await harness.now()
      let receipt = try await harness.write(.put("k", "1"))
      try await harness.shared.settle(try #require(receipt.outbox.map { [$0] }))
      #expect(try await harness.unpublished().isEmpty)
      try await harness.advance(seconds: 80_000)
      while try await harness.database.purgeRetained(limit: 100) > 0 {}
      let copy = QueuedWrite(1, .put("k", "1"), at: start, attempt: receipt.outbox)
      let applied = try await harness.database.apply([copy])[0]
      #expect(applied.record.state == .applied && applied.outcome == nil)
      #expect(applied.record.revision == receipt.outcome.change(of: Key("k"))?.revision)
      try await harness.advance(seconds: 10_000)
      while try await harness.database.purgeRetained(limit: 100) > 0 {}
      let late = QueuedWrite(2, .put("k", "1"), at: start, attempt: receipt.outbox)
      #expect(try await harness.database.apply([late])[0].record.state == .superseded)
      #expect(try await harness.lookup("k").entry?.metadata.version == 1)
    },
    Case("A queued write whose first attempt did not take effect is applied") { harness in
      let start = try await harness.now()
      try await harness.advance(seconds: 1)
      let never = OutboxID(committedAt: start, number: 7)
      let other = try #require(try await harness.write(.put("other")).outbox)
      let applied = try await harness.database.apply([
        QueuedWrite(1, .put("a"), at: start, attempt: never),
        QueuedWrite(2, .put("b"), at: start, attempt: other),
      ])
      #expect(applied.map(\.record.state) == [.applied, .applied])
      #expect(applied.allSatisfy { $0.outcome != nil })
      // But it does not follow later writes.
      try await harness.store("c")
      let late = QueuedWrite(3, .put("c", "late"), at: start, attempt: never)
      #expect(try await harness.database.apply([late])[0].record.state == .superseded)
    },
  ]

  static let failing: [Case] = [
    Case("A failure is recorded once, and does not replace another result") { harness in
      let queued = QueuedWrite(1, .put("k"), at: try await harness.now())
      let applied = try await harness.database.apply([queued])
      let before = try await harness.now()
      try await harness.shared.recordFailures(of: [.numbered(1), .numbered(2), .numbered(2)])
      try await harness.shared.recordFailures(of: [.numbered(2)])
      try await harness.shared.recordFailures(of: [])
      #expect(try await harness.database.operation(.numbered(1)) == applied[0].record)
      let failed = try #require(try await harness.database.operation(.numbered(2)))
      #expect(failed.state == .failed && failed.revision == nil && failed.updatedAt >= before)
    },
    Case("An operation that was recorded as failed is never applied") { harness in
      try await harness.shared.recordFailures(of: [.numbered(1)])
      let queued = QueuedWrite(1, .put("k"), at: try await harness.now())
      let applied = try await harness.database.apply([queued])
      #expect(applied[0].outcome == nil && applied[0].record.state == .failed)
      #expect(try await harness.value("k") == nil)
    },
  ]
}

extension SharedDatabaseHarness {
  /// The changes of all commits that are not settled, by commit.
  fileprivate func unpublished() async throws -> [OutboxBatch] {
    try await shared.unpublished(olderThan: .zero, limit: 1_000)
  }

  /// All changes that are not settled.
  func unpublishedChanges() async throws -> [Change] {
    try await unpublished().flatMap(\.changes)
  }

  /// Polls until the changes in the outbox are those of `keys`.
  fileprivate func expectUnpublished(_ keys: [Key]) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
      if try await unpublishedChanges().map(\.key) == keys { return }
    }
    throw ContractViolation("other changes wait than were expected")
  }
}

/// What the contract needs of an adapter. Each case has its own harness, with an empty database.
public protocol SharedDatabaseHarness: DatabaseHarness {
  /// The database under test.
  var shared: any SharedDatabase { get }

  /// The list that its commits settle changes from.
  var published: PublishedChanges { get }
}
