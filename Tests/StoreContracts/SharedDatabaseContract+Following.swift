internal import KeyValueStore
internal import TestSupport
internal import Testing

/// A change tells which one it follows, so that whoever gets it knows what is missing.
extension SharedDatabaseContract {
  static let following: [Case] = [
    Case("Every change tells the one before it, whatever made them") { harness in
      try await harness.store("k", "1")
      try await harness.store("k", "2", condition: .exists)
      try await harness.remove("k")
      try await harness.store("k", "3", condition: .isAbsent)
      _ = try await harness.database.write([.add("k", 1), .add("k", 1), .add("k", 1)])
      _ = try await harness.write(.patch("k", Patch(contentType: "a/b")))
      _ = try await harness.database.write((1...3).map { .put("k", "\($0)") })
      _ = try await harness.write(.put("k", "x", idempotency: IdempotencyKey("once")))
      _ = try await harness.database.execute(
        Batch(
          operations: [.write(.delete("k")), .write(.put("k", "1")), .write(.add("k", 1))],
          isAtomic: true))
      _ = try await harness.database.write([.put("k", "1"), .delete("k"), .put("k", "2")])
      try await harness.advance(seconds: 10)
      let now = try await harness.now()
      _ = try await harness.database.apply([
        QueuedWrite(1, .put("k", "queued"), at: now.adding(seconds: -1)),
        QueuedWrite(2, .delete("k"), at: now),
      ])
      try await harness.store("k", "brief", timeToLive: 1)
      try await harness.advance(seconds: 5)
      _ = try await harness.database.purgeExpired(limit: 10)
      try await harness.store("k", "last")
      try await harness.expectChain(of: 23)
    },
    Case("The receipts of writes tell it as the outbox does") { harness in
      let writes: [Write] = [
        .put("k", "1"), .put("k", "2"), .put("k", "3"), .put("other", "1"), .delete("none"),
      ]
      let receipts = try await harness.database.write(writes)
      let again = try await harness.database.execute(
        Batch(
          operations: [.get(Key("k")), .write(.put("k", "4")), .write(.delete("k"))],
          isAtomic: false))
      let made = zip(writes, receipts).compactMap { $1.change(of: $0.key) }.filter {
        $0.key == Key("k")
      }
      #expect(made.map(\.previous) == [.some(Revision.none)] + made.dropLast().map(\.revision))
      let changes = try await harness.unpublishedChanges().filter { $0.key == Key("k") }
        .sorted { $0.revision < $1.revision }
      #expect(Array(changes.prefix(3)) == made)
      #expect(changes.suffix(2).map(\.previous) == again.previous)
    },
    Case("A queued delete that finds nothing is no change, and none follows it") { harness in
      try await harness.store("k", "1")
      try await harness.remove("k")
      try await harness.advance(seconds: 10)
      let now = try await harness.now()
      _ = try await harness.database.apply([
        QueuedWrite(1, .delete("k"), at: now), QueuedWrite(2, .delete("never"), at: now),
      ])
      try await harness.store("k", "2")
      let first = try await harness.write(.put("never")).change(of: Key("never"))
      #expect(first?.previous == Revision.none)
      try await harness.expectChain(of: 3)
    },
  ]
}

extension SharedDatabaseHarness {
  /// The changes of "k" follow each other, from the first one of the key on.
  fileprivate func expectChain(of count: Int) async throws {
    let changes = try await unpublishedChanges().filter { $0.key == Key("k") }
      .sorted { $0.revision < $1.revision }
    #expect(changes.count == count)
    #expect(changes.map(\.previous) == [.some(Revision.none)] + changes.dropLast().map(\.revision))
  }
}
