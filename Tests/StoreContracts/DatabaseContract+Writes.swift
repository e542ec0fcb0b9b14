import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let writes: [Case] = [
    Case("A key that was never written is absent at revision 0") { harness in
      let lookup = try await harness.lookup("none")
      #expect(lookup == .absent(.none))
    },
    Case("A stored value comes back byte for byte with its metadata") { harness in
      let value = (0...255).map { UInt8($0) }
      let write = Write(
        key: Key("bytes"),
        mutation: .put(value: value, contentType: "application/x; a=\"é\"", timeToLive: nil))
      guard case .stored(let metadata) = try await harness.write(write).outcome else {
        throw ContractViolation("not stored")
      }
      #expect(metadata.key == Key("bytes"))
      #expect(metadata.version == 1)
      #expect(metadata.size == 256)
      #expect(metadata.contentType == "application/x; a=\"é\"")
      #expect(metadata.createdAt == metadata.updatedAt)
      #expect(metadata.expiresAt == nil)
      #expect(
        try await harness.lookup("bytes") == .found(Entry(metadata: metadata, value: value)))
    },
    Case("Text that means something elsewhere is only text, as key, value and media type") {
      harness in
      for text in String.foreignSyntax {
        try await harness.store(text, "\(text)\r\n\0", contentType: text)
      }
      for text in String.foreignSyntax {
        let entry = try #require(try await harness.lookup(text).entry)
        #expect(entry.value == Array("\(text)\r\n\0".utf8))
        #expect(entry.metadata.contentType == text)
      }
      let page = try await harness.database.list(PageRequest())
      #expect(page.items.map(\.metadata.key) == String.foreignSyntax.map { Key($0) }.sorted())
    },
    Case("An empty value and an empty media type are stored as such") { harness in
      let metadata = try await harness.store("empty", "", contentType: "")
      #expect(metadata.size == 0)
      #expect(
        try await harness.lookup("empty") == .found(Entry(metadata: metadata, value: [])))
    },
    Case("A value of 1,048,576 bytes and a key of 1,024 are stored, replaced and removed") {
      harness in
      let key = String(repeating: "k", count: 1_024)
      let first = String(repeating: "a", count: 1 << 20)
      let second = String(repeating: "b", count: 1 << 20)
      try await harness.store(key, first)
      #expect(try await harness.value(key) == first)
      try await harness.store(key, second)
      #expect(try await harness.value(key) == second)
      try await harness.remove(key)
      #expect(try await harness.value(key) == nil)
    },
    Case("Writes of one key in one call take effect in its order, among those of other keys") {
      harness in
      let receipts = try await harness.database.write([
        .put("k", "1"), .put("other"), .put("k", "2", condition: .isAbsent), .put("k", "3"),
        .delete("k"), .delete("k"), .put("k", "4", condition: .isAbsent), .put("k", "5"),
      ])
      let versions = receipts.map { receipt -> Int64? in
        guard case .stored(let metadata) = receipt.outcome else { return nil }
        return metadata.version
      }
      #expect(versions == [1, 1, nil, 2, nil, nil, 1, 2])
      guard case .stored(let first) = receipts[0].outcome else {
        throw ContractViolation("not stored")
      }
      #expect(receipts[2].outcome == .preconditionFailed(current: first.revision))
      #expect(receipts[5].outcome == .notFound)
      let ofKey = receipts[0...0] + receipts[2...]
      let revisions = ofKey.compactMap { $0.outcome.change(of: Key("k"))?.revision }
      #expect(revisions == revisions.sorted() && Set(revisions).count == 5)
      #expect(try await harness.value("k") == "5")
      #expect(try await harness.value("other") == "value")
    },
    Case("Replacing increments the version and keeps the time of creation") { harness in
      let first = try await harness.store("k", "1")
      try await harness.advance(seconds: 3)
      let second = try await harness.store("k", "22", contentType: "text/html")
      #expect(second.version == 2)
      #expect(second.createdAt == first.createdAt)
      #expect(second.updatedAt >= first.updatedAt)
      #expect(second.size == 2)
      #expect(second.contentType == "text/html")
      #expect(
        try await harness.lookup("k")
          == .found(Entry(metadata: second, value: Array("22".utf8))))
    },
    Case("A deleted key is absent at its tombstone's revision, and deleting again finds nothing") {
      harness in
      try await harness.store("k")
      let tombstone = try await harness.remove("k")
      #expect(try await harness.lookup("k") == .absent(tombstone))
      #expect(try await harness.write(.delete("k")).outcome == .notFound)
      #expect(try await harness.lookup("k") == .absent(tombstone))
      #expect(try await harness.write(.delete("never")).outcome == .notFound)
    },
    Case("After a delete, a put creates an entry: version 1, with a new time of creation") {
      harness in
      let first = try await harness.store("k")
      try await harness.store("k")
      try await harness.advance(seconds: 1)
      try await harness.remove("k")
      let again = try await harness.store("k")
      #expect(again.version == 1)
      #expect(again.createdAt == again.updatedAt)
      #expect(again.createdAt > first.createdAt)
    },
    Case("An entry is absent from its expiry on, even if it has not been purged") { harness in
      let metadata = try await harness.store("k", timeToLive: 100)
      #expect(metadata.expiresAt == metadata.updatedAt.adding(seconds: 100))
      try await harness.advance(seconds: 90)
      #expect(try await harness.lookup("k").entry?.metadata.version == 1)
      try await harness.advance(seconds: 20)
      #expect(try await harness.lookup("k") == .absent(metadata.revision))
      #expect(try await harness.write(.delete("k")).outcome == .notFound)
    },
    Case("A put over an expired entry creates one: version 1, new time of creation and revision") {
      harness in
      let first = try await harness.store("k", timeToLive: 1)
      try await harness.advance(seconds: 2)
      let again = try await harness.store("k")
      #expect(again.version == 1)
      #expect(again.createdAt > first.createdAt)
      #expect(again.createdAt == again.updatedAt)
      #expect(again.revision > first.revision)
      #expect(again.expiresAt == nil)
      try await harness.advance(seconds: 1_000)
      #expect(try await harness.value("k") == "value")
    },
    Case("A put without a time to live removes the old one") { harness in
      try await harness.store("k", timeToLive: 10)
      try await harness.store("k")
      try await harness.advance(seconds: 20)
      #expect(try await harness.value("k") == "value")
    },
    Case("The longest time to live does not overflow") { harness in
      let metadata = try await harness.store("k", timeToLive: Write.timeToLiveMax)
      #expect(metadata.expiresAt == metadata.updatedAt.adding(seconds: Write.timeToLiveMax))
      #expect(try await harness.value("k") == "value")
    },
    Case("Reads answer in the order of the keys, also of the same key twice") { harness in
      try await harness.store("a", "1")
      try await harness.store("b", "2")
      let lookups = try await harness.database.read([Key("b"), Key("x"), Key("a"), Key("b")])
      let values = lookups.map { $0.entry.map { String(decoding: $0.value, as: UTF8.self) } }
      #expect(values == ["2", nil, "1", "2"])
      #expect(try await harness.database.read([]).isEmpty)
    },
    Case("Each write of a call gets its own answer, in order") { harness in
      try await harness.store("there")
      try await harness.store("also")
      let receipts = try await harness.database.write([
        .put("z"), .delete("missing"), .put("there", condition: .isAbsent), .delete("also"),
        .put("a"),
      ])
      try #require(receipts.count == 5)
      if case .stored(let metadata) = receipts[0].outcome {
        #expect(metadata.key == Key("z"))
      } else {
        Issue.record("z was not stored")
      }
      #expect(receipts[1].outcome == .notFound)
      guard case .preconditionFailed(.some) = receipts[2].outcome else {
        throw ContractViolation("the condition held")
      }
      guard case .deleted = receipts[3].outcome, case .stored = receipts[4].outcome else {
        throw ContractViolation("an independent write failed with its neighbour")
      }
      #expect(!receipts.contains { $0.isReplayed })
      #expect(try await harness.database.write([]).isEmpty)
    },
    Case("Writes and tombstones are there after the database was opened again") { harness in
      let kept = try await harness.store("kept", "1")
      try await harness.store("gone")
      let tombstone = try await harness.remove("gone")
      try await harness.reopen()
      #expect(
        try await harness.lookup("kept")
          == .found(Entry(metadata: kept, value: Array("1".utf8))))
      #expect(try await harness.lookup("gone") == .absent(tombstone))
      #expect(try await harness.store("kept").version == 2)
    },
    Case("The check of a healthy database succeeds and writes nothing") { harness in
      try await harness.database.checkHealth()
      #expect(try await harness.database.list(PageRequest()).items.isEmpty)
    },
  ]

  static let revisions: [Case] = [
    Case("A revision is the time of its write, in µs") { harness in
      let before = try await harness.now()
      let metadata = try await harness.store("k")
      let after = try await harness.now()
      #expect(metadata.revision.number >= before.microseconds)
      #expect(metadata.revision.number <= after.microseconds)
    },
    Case("Each write of a key has a greater revision, deletes and creations included") {
      harness in
      var last = Revision.none
      for _ in 0..<20 {
        let stored = try await harness.store("k").revision
        let replaced = try await harness.store("k").revision
        let deleted = try await harness.remove("k")
        #expect(last < stored && stored < replaced && replaced < deleted)
        last = deleted
      }
    },
    Case("Revisions grow even when the clock is set back") { harness in
      let first = try await harness.store("k").revision
      try await harness.advance(seconds: -3_600)
      #expect(try await harness.store("k").revision == Revision(first.number + 1))
      #expect(try await harness.remove("k") == Revision(first.number + 2))
      #expect(try await harness.store("k").revision == Revision(first.number + 3))
    },
  ]
}
