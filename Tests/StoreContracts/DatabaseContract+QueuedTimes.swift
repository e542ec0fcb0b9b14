import KeyValueStore
import Testing

extension DatabaseContract {
  /// Acceptances that are old, or wrong.
  static let queuedWriteTimes: [Case] = [
    Case("The time to live of a queued put begins with its acceptance") { harness in
      let accepted = try await harness.now()
      try await harness.advance(seconds: 19)
      let applied = try await harness.apply(
        QueuedWrite(1, .put("k", timeToLive: 60), at: accepted))
      #expect(applied.record.state == .applied)
      let metadata = try #require(try await harness.lookup("k").entry?.metadata)
      #expect(metadata.expiresAt == accepted.adding(seconds: 60))
      try await harness.advance(seconds: 42)
      #expect(try await harness.value("k") == nil)
    },
    Case("What has expired when it is applied takes its place, and is never there") { harness in
      try await harness.store("k", "older")
      try await harness.advance(seconds: 1)
      let accepted = try await harness.now()
      try await harness.advance(seconds: 100)
      let late = QueuedWrite(2, .put("k", "secret", timeToLive: 60), at: accepted)
      #expect(try await harness.apply(late).record.state == .applied)
      let revision = Revision(accepted.microseconds)
      #expect(try await harness.lookup("k") == .absent(revision))
      #expect(try await harness.database.list(PageRequest()).items.isEmpty)
      let before = QueuedWrite(1, .put("k", "back"), at: accepted.adding(microseconds: -1))
      #expect(try await harness.apply(before).record.state == .superseded)
      let purged = try await harness.database.purgeExpired(limit: 10).changes
      #expect(purged.map(\.key) == [Key("k")] && purged.allSatisfy { $0.kind == .expire })
    },
    Case("An acceptance ahead of the database's clock takes the place of now") { harness in
      let before = try await harness.now()
      let ahead = before.adding(seconds: 3_600)
      let applied = try await harness.apply(QueuedWrite(1, .put("k", timeToLive: 60), at: ahead))
      guard case .stored(let metadata) = applied.outcome else {
        throw ContractViolation("not stored")
      }
      let after = try await harness.now()
      #expect((before.microseconds...after.microseconds).contains(metadata.revision.number))
      #expect(applied.record.revision == metadata.revision)
      let expiry = try #require(metadata.expiresAt)
      #expect(before.adding(seconds: 60) <= expiry && expiry <= after.adding(seconds: 60))
      // So what is accepted by the right clock still applies.
      try await harness.advance(seconds: 1)
      let next = QueuedWrite(2, .put("k", "2"), at: try await harness.now())
      #expect(try await harness.apply(next).record.state == .applied)
      // Two of them keep their order.
      let pair = [3, 4].map { place in
        QueuedWrite(place, .put("p", "\(place)"), at: ahead.adding(seconds: Int64(place)))
      }
      let both = try await harness.database.apply(pair)
      #expect(both.map(\.record.state) == [.applied, .applied])
      #expect(try await harness.value("p") == "4")
    },
    Case("A queued write that outlives the tombstone of its key is superseded") { harness in
      let accepted = try await harness.now()
      try await harness.advance(seconds: 1)
      for key in ["put", "deleted"] {
        try await harness.store(key)
        try await harness.remove(key)
      }
      try await harness.advance(seconds: 90_000)
      while try await harness.database.purgeRetained(limit: 100) > 0 {}
      #expect(try await harness.lookup("put") == .absent(.none))
      let put = try await harness.apply(QueuedWrite(1, .put("put", "back"), at: accepted))
      #expect(put.record.state == .superseded && put.record.revision == nil)
      #expect(put.outcome == nil)
      let delete = try await harness.apply(QueuedWrite(2, .delete("deleted"), at: accepted))
      #expect(delete.record.state == .superseded)
      #expect(try await harness.lookup("put") == .absent(.none))
    },
    Case("However late, a queued write applies where its key's row has nothing newer") { harness in
      try await harness.store("k", "older")
      try await harness.store("other")
      try await harness.advance(seconds: 1)
      let accepted = try await harness.now()
      try await harness.advance(seconds: 90_000)
      try await harness.store("other", "newer")
      let applied = try await harness.apply(QueuedWrite(1, .put("k", "late"), at: accepted))
      #expect(applied.record.state == .applied)
      #expect(try await harness.value("k") == "late")
      let late = try await harness.apply(QueuedWrite(2, .put("other", "late"), at: accepted))
      #expect(late.record.state == .superseded)
      // Younger than a tombstone can be, it needs no row.
      let young = try await harness.now().adding(seconds: -86_000)
      #expect(try await harness.apply(QueuedWrite(3, .put("n"), at: young)).outcome != nil)
    },
    Case("A tombstone whose revision lies in the future is kept until that is past") { harness in
      let future = try await harness.store("k").revision
      try await harness.advance(seconds: -50_000)
      let tombstone = try await harness.remove("k")
      #expect(tombstone > future)
      try await harness.advance(seconds: 90_000)
      while try await harness.database.purgeRetained(limit: 100) > 0 {}
      #expect(try await harness.lookup("k") == .absent(tombstone))
      let accepted = Timestamp(microseconds: future.number - 1)
      let applied = try await harness.apply(QueuedWrite(1, .put("k", "back"), at: accepted))
      #expect(applied.record.state == .superseded)
    },
  ]
}
