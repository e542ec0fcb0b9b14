import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let queuedWrites: [Case] = [
    Case("A queued put is applied at the revision of its acceptance, with a record") { harness in
      let accepted = try await harness.now()
      try await harness.advance(seconds: 5)
      let applied = try await harness.apply(QueuedWrite(1, .put("k", "queued"), at: accepted))
      guard case .stored(let metadata) = applied.outcome else {
        throw ContractViolation("not stored")
      }
      #expect(metadata.revision == Revision(accepted.microseconds))
      #expect(metadata.version == 1)
      #expect(applied.record.id == .numbered(1))
      #expect(applied.record.state == .applied)
      #expect(applied.record.revision == metadata.revision)
      #expect(
        try await harness.lookup("k")
          == .found(Entry(metadata: metadata, value: Array("queued".utf8))))
      #expect(try await harness.database.operation(.numbered(1)) == applied.record)
    },
    Case("A queued delete is applied at the revision of its acceptance") { harness in
      try await harness.store("k")
      try await harness.advance(seconds: 1)
      let accepted = try await harness.now()
      let applied = try await harness.apply(QueuedWrite(1, .delete("k"), at: accepted))
      #expect(applied.outcome == .deleted(Revision(accepted.microseconds)))
      #expect(applied.record.state == .applied)
      #expect(try await harness.lookup("k") == .absent(Revision(accepted.microseconds)))
    },
    Case("A second delivery finds the record and writes nothing, also after a restart") { harness in
      let queued = QueuedWrite(1, .put("k", "queued"), at: try await harness.now())
      let first = try await harness.apply(queued)
      let newer = try await harness.store("k", "newer")
      try await harness.reopen()
      let again = try await harness.apply(queued)
      #expect(again == AppliedWrite(record: first.record, outcome: nil))
      #expect(try await harness.lookup("k").entry?.metadata == newer)
    },
    Case("The same operation twice in one call is applied once") { harness in
      let queued = QueuedWrite(1, .put("k"), at: try await harness.now())
      let applied = try await harness.database.apply([queued, queued])
      try #require(applied.count == 2)
      #expect(applied[0].outcome != nil && applied[1].outcome == nil)
      #expect(applied[1].record == applied[0].record)
      #expect(try await harness.lookup("k").entry?.metadata.version == 1)
    },
    Case("A false condition is recorded with the revision that it met") { harness in
      let current = try await harness.store("k").revision
      try await harness.advance(seconds: 1)
      let queued = QueuedWrite(
        1, .put("k", "no", condition: .isAbsent), at: try await harness.now())
      let applied = try await harness.apply(queued)
      #expect(applied.outcome == .preconditionFailed(current: current))
      #expect(applied.record.state == .preconditionFailed)
      #expect(applied.record.revision == current)
      #expect(try await harness.value("k") == "value")
      let missing = QueuedWrite(
        2, .delete("none", condition: .exists), at: try await harness.now())
      let second = try await harness.apply(missing)
      #expect(second.record.state == .preconditionFailed && second.record.revision == nil)
    },
    Case("A queued write with a true condition applies") { harness in
      let current = try await harness.store("k").revision
      try await harness.advance(seconds: 1)
      let queued = QueuedWrite(
        1, .put("k", "yes", condition: .matching(current)), at: try await harness.now())
      #expect(try await harness.apply(queued).record.state == .applied)
      #expect(try await harness.value("k") == "yes")
      #expect(try await harness.lookup("k").entry?.metadata.version == 2)
    },
    Case("An unknown operation has no record, and a known one loses it after 24 h") { harness in
      #expect(try await harness.database.operation(.numbered(9)) == nil)
      let queued = QueuedWrite(1, .put("k"), at: try await harness.now())
      _ = try await harness.apply(queued)
      try await harness.advance(seconds: 86_000)
      #expect(try await harness.database.operation(.numbered(1)) != nil)
      try await harness.advance(seconds: 1_000)
      #expect(try await harness.database.operation(.numbered(1)) == nil)
    },
    Case("No queued writes give an empty answer") { harness in
      let applied = try await harness.database.apply([])
      #expect(applied.isEmpty)
    },
  ]

  static let queuedWriteOrder: [Case] = [
    Case("A write since its acceptance supersedes a queued one") { harness in
      let accepted = try await harness.now()
      try await harness.advance(seconds: 1)
      let newer = try await harness.store("k", "newer")
      let applied = try await harness.apply(QueuedWrite(1, .put("k", "old"), at: accepted))
      #expect(applied.outcome == nil)
      #expect(applied.record.state == .superseded)
      #expect(applied.record.revision == newer.revision)
      #expect(try await harness.lookup("k").entry?.metadata == newer)
    },
    Case("A queued write of the same time is superseded") { harness in
      let revision = try await harness.store("k").revision
      let accepted = Timestamp(microseconds: revision.number)
      let applied = try await harness.apply(QueuedWrite(1, .delete("k"), at: accepted))
      #expect(applied.record.state == .superseded)
      #expect(try await harness.value("k") == "value")
    },
    Case("A write is superseded before its condition is checked") { harness in
      let accepted = try await harness.now()
      try await harness.advance(seconds: 1)
      try await harness.store("k")
      let queued = QueuedWrite(1, .put("k", condition: .isAbsent), at: accepted)
      #expect(try await harness.apply(queued).record.state == .superseded)
    },
    Case("A queued put does not bring back a key that was deleted since") { harness in
      try await harness.store("k")
      let accepted = try await harness.now()
      try await harness.advance(seconds: 1)
      let tombstone = try await harness.remove("k")
      let applied = try await harness.apply(QueuedWrite(1, .put("k", "back"), at: accepted))
      #expect(applied.record.state == .superseded && applied.record.revision == tombstone)
      #expect(try await harness.lookup("k") == .absent(tombstone))
    },
    Case("Queued writes of one key apply in the order of their acceptance, late or not") {
      harness in
      let now = try await harness.now()
      try await harness.advance(seconds: 10)
      let order = [2, 1, 4, 3]
      var states: [OperationRecord.State] = []
      for place in order {
        let time = now.adding(seconds: Int64(place))
        let queued = QueuedWrite(place, .put("k", "\(place)"), at: time)
        states.append(try await harness.apply(queued).record.state)
      }
      #expect(states == [.applied, .superseded, .applied, .superseded])
      #expect(try await harness.value("k") == "4")
      #expect(try await harness.lookup("k").entry?.metadata.version == 2)
    },
    Case("The order of acceptance also decides within one call") { harness in
      let now = try await harness.now()
      try await harness.advance(seconds: 10)
      let applied = try await harness.database.apply(
        [1, 3, 2].map { place in
          QueuedWrite(place, .put("k", "\(place)"), at: now.adding(seconds: Int64(place)))
        })
      #expect(applied.map(\.record.state) == [.applied, .applied, .superseded])
      #expect(try await harness.value("k") == "3")
    },
    Case("A queued delete that overtakes the put before it keeps the key deleted") { harness in
      let now = try await harness.now()
      try await harness.advance(seconds: 10)
      let delete = QueuedWrite(2, .delete("k"), at: now.adding(seconds: 2))
      let deleted = try await harness.apply(delete)
      #expect(deleted.outcome == .notFound)
      #expect(deleted.record.state == .applied && deleted.record.revision == nil)
      let put = QueuedWrite(1, .put("k"), at: now.adding(seconds: 1))
      #expect(try await harness.apply(put).record.state == .superseded)
      #expect(try await harness.value("k") == nil)
      // The same holds where the entry has expired; its purge is published all the same.
      try await harness.store("e", timeToLive: 1)
      try await harness.advance(seconds: 10)
      let later = try await harness.now()
      _ = try await harness.apply(QueuedWrite(4, .delete("e"), at: later))
      let late = QueuedWrite(3, .put("e"), at: later.adding(seconds: -1))
      #expect(try await harness.apply(late).record.state == .superseded)
      #expect(try await harness.database.purgeExpired(limit: 10).changes.map(\.key) == [Key("e")])
    },
    Case("A queued write accepted before an expiry, and one accepted since, both apply") {
      harness in
      let start = try await harness.store("k", timeToLive: 10).updatedAt
      try await harness.advance(seconds: 20)
      let before = QueuedWrite(1, .put("k", "1"), at: start.adding(seconds: 5))
      let first = try await harness.apply(before)
      guard case .stored(let metadata) = first.outcome else {
        throw ContractViolation("not stored")
      }
      #expect(metadata.version == 1)
      let since = QueuedWrite(2, .put("k", "2"), at: start.adding(seconds: 15))
      #expect(try await harness.apply(since).record.state == .applied)
      #expect(try await harness.value("k") == "2")
    },
  ]
}

extension DatabaseHarness {
  func apply(_ queued: QueuedWrite) async throws -> AppliedWrite {
    let applied = try await database.apply([queued])
    return try #require(applied.first)
  }
}

extension DatabaseContract {
  /// Acceptance times that are old or wrong.
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
    Case("A put that has expired when it is applied sets the revision, and is never visible") {
      harness in
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
    Case("An acceptance ahead of the database's clock is replaced by the present time") { harness in
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
      // A write that is accepted by the right clock still applies.
      try await harness.advance(seconds: 1)
      let next = QueuedWrite(2, .put("k", "2"), at: try await harness.now())
      #expect(try await harness.apply(next).record.state == .applied)
      // Two such writes keep their order.
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
    Case("However late, a queued write applies if its key's row is not newer") { harness in
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
      // A write younger than the retention of tombstones needs no row.
      let young = try await harness.now().adding(seconds: -86_000)
      #expect(try await harness.apply(QueuedWrite(3, .put("n"), at: young)).outcome != nil)
    },
    Case("A tombstone with a revision in the future is kept until that time has passed") {
      harness in
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
