import KeyValueStore
import Testing

/// What every `SharedDatabase` promises besides `DatabaseContract`.
public enum SharedDatabaseContract {
  /// A case on a database.
  public typealias Case = ContractCase<any SharedDatabaseHarness>

  /// All cases. Each wants a harness of its own.
  public static let cases: [Case] = remembering + settling + failing

  static let remembering: [Case] = [
    Case("Every kind of committed change is remembered, exactly as it was committed") { harness in
      let stored = try await harness.store("put", "value", timeToLive: 1_000)
      let conditional = try await harness.store("conditional", condition: .isAbsent)
      try await harness.store("deleted")
      let tombstone = try await harness.remove("deleted")
      let changes = try await harness.unpublished().map(\.change)
      #expect(
        changes.contains(Change(key: Key("put"), revision: stored.revision, kind: .put(stored))))
      #expect(
        changes.contains(
          Change(
            key: Key("conditional"), revision: conditional.revision, kind: .put(conditional))))
      #expect(changes.contains(Change(key: Key("deleted"), revision: tombstone, kind: .delete)))
      #expect(changes.count == 4)
    },
    Case("What changes nothing leaves nothing to be published") { harness in
      try await harness.store("k")
      _ = try await harness.write(.put("k", condition: .isAbsent))
      _ = try await harness.write(.delete("none"))
      _ = try await harness.database.execute(
        Batch(
          operations: [.write(.put("a")), .write(.put("k", condition: .isAbsent))],
          isAtomic: true))
      #expect(try await harness.unpublished().map(\.change.key) == [Key("k")])
    },
    Case("Queued writes, batches, idempotent writes and purges are remembered too") { harness in
      let queued = QueuedWrite(1, .put("queued"), at: try await harness.now())
      let applied = try await harness.database.apply([queued])
      _ = try await harness.database.execute(
        Batch(operations: [.write(.put("batch", "1")), .write(.put("batch", "2"))], isAtomic: true))
      _ = try await harness.write(.put("named", idempotency: IdempotencyKey("a")))
      try await harness.store("expired", timeToLive: 1)
      try await harness.advance(seconds: 5)
      let purged = try await harness.database.purgeExpired(limit: 10)
      let found = try await harness.unpublished()
      let changes = found.map(\.change)
      guard case .stored(let metadata)? = applied[0].outcome else {
        throw ContractViolation("not applied")
      }
      #expect(
        changes.contains(
          Change(key: Key("queued"), revision: metadata.revision, kind: .put(metadata))))
      #expect(purged.count == 1 && changes.contains(purged[0]))
      // A batch's intermediate states were never visible.
      #expect(changes.count { $0.key == Key("batch") } == 1)
      #expect(changes.count { $0.key == Key("named") } == 1)
      let last = found.first { $0.change.key == Key("batch") }
      #expect(last?.current.revision == last?.change.revision)
    },
    Case("Every write of a key that one call has applied is remembered") { harness in
      let now = try await harness.now()
      try await harness.advance(seconds: 10)
      _ = try await harness.database.apply(
        (1...3).map { QueuedWrite($0, .put("k", "\($0)"), at: now.adding(seconds: Int64($0))) })
      #expect(
        try await harness.unpublished().map(\.change.revision.number)
          == (1...3).map { now.adding(seconds: Int64($0)).microseconds })
    },
    Case("A change comes with what its key holds now, and when it was committed") { harness in
      let before = try await harness.now()
      let first = try await harness.store("k", "1")
      let second = try await harness.store("k", "2")
      let tombstone = try await harness.remove("gone-not", after: "gone-not")
      let found = try await harness.unpublished()
      let changes = found.filter { $0.change.key == Key("k") }
      #expect(changes.map(\.change.revision) == [first.revision, second.revision])
      let current = Lookup.found(Entry(metadata: second, value: Array("2".utf8)))
      #expect(changes.allSatisfy { $0.current == current })
      let after = try await harness.now()
      #expect(found.allSatisfy { $0.committedAt >= before && $0.committedAt <= after })
      let gone = found.filter { $0.change.key == Key("gone-not") }
      #expect(gone.allSatisfy { $0.current == .absent(tombstone) })
    },
    Case("Changes wait for their age, the oldest first, up to the limit") { harness in
      for number in 0..<5 {
        try await harness.store("k\(number)")
        try await harness.advance(seconds: 10)
      }
      // They are 50, 40, 30, 20 and 10 s old.
      let old = try await harness.shared.unpublished(olderThan: .seconds(25), limit: 100)
      #expect(old.map(\.change.key) == [Key("k0"), Key("k1"), Key("k2")])
      let first = try await harness.shared.unpublished(olderThan: .seconds(5), limit: 2)
      #expect(first.map(\.change.key) == [Key("k0"), Key("k1")])
      let again = try await harness.shared.unpublished(olderThan: .seconds(5), limit: 2)
      #expect(again == first)
    },
    Case("No more than 8 MiB of values come at once, but at least one change") { harness in
      let large = String(repeating: "x", count: 1 << 20)
      for number in 0..<10 { try await harness.store("k\(number)", large) }
      let found = try await harness.unpublished()
      #expect(found.count == 8)
      try await harness.shared.settle(found.map(\.row))
      #expect(try await harness.unpublished().count == 2)
    },
  ]

  static let settling: [Case] = [
    Case("A settled change does not come again, and others of its key do") { harness in
      let first = try await harness.store("k", "1")
      let second = try await harness.store("k", "2")
      try await harness.shared.settle([.init(key: Key("k"), revision: first.revision)])
      #expect(try await harness.unpublished().map(\.change.revision) == [second.revision])
      // Again, and what never was.
      try await harness.shared.settle([
        .init(key: Key("k"), revision: first.revision), .init(key: Key("x"), revision: .none),
      ])
      try await harness.shared.settle([])
      #expect(try await harness.unpublished().count == 1)
    },
    Case("What was published is settled on the way of the next write") { harness in
      let first = try await harness.store("a")
      harness.published.add([.init(key: Key("a"), revision: first.revision)])
      let second = try await harness.store("b")
      // It may have been settled without waiting for the write, by another loop.
      try await harness.expectUnpublished([Key("b")])
      harness.published.add([.init(key: Key("b"), revision: second.revision)])
      let tombstone = try await harness.remove("a")
      try await harness.expectUnpublished([Key("a")])
      #expect(try await harness.unpublished().map(\.change.revision) == [tombstone])
      #expect(harness.published.count == 0)
    },
    Case("What was published is settled when no write comes, too") { harness in
      let stored = try await harness.store("a")
      harness.published.add([.init(key: Key("a"), revision: stored.revision)])
      try await harness.expectUnpublished([])
      #expect(harness.published.count == 0)
    },
    Case("Several that settle the same changes at once do not get in each other's way") { harness in
      _ = try await harness.database.write((0..<200).map { .put("k\($0)") })
      let rows = try await harness.unpublished().map(\.row)
      #expect(rows.count == 200)
      try await harness.concurrently(8) { number, database in
        guard let shared = database as? any SharedDatabase else { return }
        var generator = SystemRandomNumberGenerator()
        try await shared.settle(rows.shuffled(using: &generator))
      }
      #expect(try await harness.unpublished().isEmpty)
    },
  ]

  static let failing: [Case] = [
    Case("A failure is recorded once, and does not replace another end") { harness in
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
    Case("An operation that was recorded as failed is not applied any more") { harness in
      try await harness.shared.recordFailures(of: [.numbered(1)])
      let queued = QueuedWrite(1, .put("k"), at: try await harness.now())
      let applied = try await harness.database.apply([queued])
      #expect(applied[0].outcome == nil && applied[0].record.state == .failed)
      #expect(try await harness.value("k") == nil)
    },
  ]
}

extension SharedDatabaseHarness {
  /// All changes that nobody has settled.
  fileprivate func unpublished() async throws -> [UnpublishedChange] {
    try await shared.unpublished(olderThan: .zero, limit: 1_000)
  }

  /// Stores a key and removes it; returns the tombstone's revision.
  fileprivate func remove(_ key: String, after stored: String) async throws -> Revision {
    try await store(stored)
    return try await remove(key)
  }

  /// Asks until the changes that wait are those of `keys`.
  fileprivate func expectUnpublished(_ keys: [Key]) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
      if try await unpublished().map(\.change.key) == keys { return }
    }
    throw ContractViolation("other changes wait than were expected")
  }
}

extension UnpublishedChange {
  fileprivate var row: PublishedChanges.Row {
    PublishedChanges.Row(key: change.key, revision: change.revision)
  }
}
