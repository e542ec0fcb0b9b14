import KeyValueStore
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
    Case("A second delivery finds the record and writes nothing, over a restart too") { harness in
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
    Case("A condition that does not hold is recorded with what stood in its way") { harness in
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
    Case("A condition that holds lets a queued write apply") { harness in
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
    Case("No queued write is an empty answer") { harness in
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
    Case("A queued write of the very same time is superseded") { harness in
      let revision = try await harness.store("k").revision
      let accepted = Timestamp(microseconds: revision.number)
      let applied = try await harness.apply(QueuedWrite(1, .delete("k"), at: accepted))
      #expect(applied.record.state == .superseded)
      #expect(try await harness.value("k") == "value")
    },
    Case("Superseded comes before the condition") { harness in
      let accepted = try await harness.now()
      try await harness.advance(seconds: 1)
      try await harness.store("k")
      let queued = QueuedWrite(1, .put("k", condition: .isAbsent), at: accepted)
      #expect(try await harness.apply(queued).record.state == .superseded)
    },
    Case("A key that was deleted since does not come back") { harness in
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
    Case("Of one call, too, the order of acceptance decides") { harness in
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
      // So it does where the entry had expired, whose purge is announced all the same.
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
