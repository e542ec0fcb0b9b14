import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let additions: [Case] = [
    Case("An addition counts from 0 where there is no entry, and adds where there is one") {
      harness in
      let first = try await harness.add("k", 5)
      #expect(first.sum == 5 && first.metadata.version == 1)
      #expect(first.metadata.contentType == Patch.newContentType)
      #expect(first.metadata.createdAt == first.metadata.updatedAt)
      #expect(first.metadata.expiresAt == nil && first.metadata.size == 1)
      try await harness.advance(seconds: 1)
      let second = try await harness.add("k", -12)
      #expect(second.sum == -7 && second.metadata.version == 2 && second.metadata.size == 2)
      #expect(second.metadata.createdAt == first.metadata.createdAt)
      #expect(second.metadata.revision > first.metadata.revision)
      #expect(
        try await harness.lookup("k")
          == .found(Entry(metadata: second.metadata, value: Array("-7".utf8))))
      #expect(try await harness.add("k", 0).sum == -7)
      #expect(try await harness.add("k", 7).sum == 0)
      #expect(try await harness.value("k") == "0")
    },
    Case("An addition keeps the content type and the expiry, or sets them") { harness in
      let stored = try await harness.store("k", "1", contentType: "a/b", timeToLive: 1_000)
      let kept = try await harness.add("k", 1)
      #expect(kept.metadata.contentType == "a/b" && kept.metadata.expiresAt == stored.expiresAt)
      let limited = try await harness.add("k", 1, expiry: .after(seconds: 60))
      #expect(limited.metadata.expiresAt == limited.metadata.updatedAt.adding(seconds: 60))
      let typed = try await harness.add("k", 1, contentType: "c/d")
      #expect(typed.metadata.contentType == "c/d")
      #expect(typed.metadata.expiresAt == limited.metadata.expiresAt)
      let both = try await harness.add("k", 1, contentType: "e/f", expiry: .never)
      #expect(both.metadata.contentType == "e/f" && both.metadata.expiresAt == nil)
      #expect(both.sum == 5 && both.metadata.version == 5)
      let new = try await harness.add("new", 1, contentType: "g/h", expiry: .after(seconds: 9))
      #expect(new.metadata.contentType == "g/h")
      #expect(new.metadata.expiresAt == new.metadata.updatedAt.adding(seconds: 9))
    },
    Case("An addition to a deleted or expired entry counts from 0") { harness in
      try await harness.store("deleted", "text", contentType: "a/b")
      let tombstone = try await harness.remove("deleted")
      try await harness.store("expired", "5", contentType: "a/b", timeToLive: 1)
      try await harness.advance(seconds: 2)
      let deleted = try await harness.add("deleted", 3)
      #expect(deleted.sum == 3 && deleted.metadata.version == 1)
      #expect(deleted.metadata.revision > tombstone)
      let expired = try await harness.add("expired", 4)
      #expect(expired.sum == 4 && expired.metadata.version == 1)
      #expect(expired.metadata.contentType == Patch.newContentType)
      #expect(expired.metadata.expiresAt == nil)
      #expect(expired.metadata.createdAt == expired.metadata.updatedAt)
    },
    Case("Several additions to a key in one call each have their own sum, revision and version") {
      harness in
      try await harness.store("k", "8", contentType: "a/b")
      let receipts = try await harness.database.write([
        .add("k", 1), .add("new", 2), .add("k", 1), .add("k", -20), .add("new", -5), .add("k", 30),
      ])
      #expect(receipts.map(\.outcome.sum) == [9, 2, 10, -10, -3, 20])
      let added = receipts.compactMap(\.outcome.added)
      #expect(added.map(\.version) == [2, 1, 3, 4, 2, 5])
      #expect(added.map(\.size) == [1, 1, 2, 3, 2, 2])
      #expect(added.map(\.key.text) == ["k", "new", "k", "k", "new", "k"])
      let revisions = added.filter { $0.key == Key("k") }.map(\.revision)
      #expect(revisions == revisions.sorted() && Set(revisions).count == 4)
      #expect(
        try await harness.lookup("k")
          == .found(Entry(metadata: added[5], value: Array("20".utf8))))
      #expect(
        try await harness.lookup("new")
          == .found(Entry(metadata: added[4], value: Array("-3".utf8))))
    },
    Case("Additions to one key in one call may set different things") { harness in
      let receipts = try await harness.database.write([
        .patch("k", Patch(amount: 1, expiry: .after(seconds: 10))),
        .patch("k", Patch(amount: 1, expiry: .after(seconds: 20))),
        .patch("k", Patch(amount: 1, contentType: "a/b")), .add("k", 1),
      ])
      #expect(receipts.map(\.outcome.sum) == [1, 2, 3, 4])
      let added = receipts.compactMap(\.outcome.added)
      #expect(added[0].expiresAt == added[0].updatedAt.adding(seconds: 10))
      #expect(added[1].expiresAt == added[1].updatedAt.adding(seconds: 20))
      #expect(added[3].expiresAt == added[1].expiresAt && added[3].contentType == "a/b")
      #expect(try await harness.value("k") == "4")
    },
    Case("Nothing is added to what is not the text of an integer, whatever bytes it has") {
      harness in
      let texts = [
        "", " ", "x", "1x", "x1", " 1", "1 ", "1\n", "\n1", "+1", "01", "00", "-0", "-", "--1",
        "1.0", "1e3", "0x1", "1_000", "١", "9223372036854775808", "-9223372036854775809",
        "99999999999999999999", "000000000000000000000001", "\\061", "1\\", "'1", "NaN",
      ]
      let bytes: [[UInt8]] = [
        [0], [0x31, 0], [0, 0x31], [0xFF], [0x31, 0xFF], [0xC3, 0x28], [0xED, 0xA0, 0x80],
        [UInt8](repeating: 0x31, count: 1 << 20),
      ]
      let values = texts.map { Array($0.utf8) } + bytes
      for (number, value) in values.enumerated() {
        _ = try await harness.write(
          Write(
            key: Key("k\(number)"),
            mutation: .put(value: value, contentType: "a/b", timeToLive: nil)))
      }
      let writes = values.indices.map { Write.add("k\($0)", 1) }
      // Alone among others that succeed, and all in one call.
      let receipts = try await harness.database.write(writes + [.add("fine", 1)])
      for (value, receipt) in zip(values, receipts) {
        #expect(receipt.outcome == .addRefused(.notAnInteger), "\(value.prefix(24))")
      }
      #expect(receipts.last?.outcome.sum == 1)
      for (number, value) in values.enumerated() {
        #expect(try await harness.lookup("k\(number)").entry?.value == value)
      }
    },
    Case("Sums reach the least and the greatest integer of 64 bits, and no further") { harness in
      for (value, amount, sum) in [
        (Int64.max - 1, 1, Int64.max), (.max, 0, .max), (.min + 1, -1, .min), (.min, .max, -1),
        (.max, .min, -1), (0, .max, .max), (0, .min, .min),
        (999_999_999_999_999_999, 1, 1_000_000_000_000_000_000),
      ] as [(Int64, Int64, Int64)] {
        try await harness.store("k", "\(value)")
        #expect(try await harness.add("k", amount).sum == sum)
        #expect(try await harness.value("k") == "\(sum)")
      }
      for (value, amount) in [
        (Int64.max, 1), (.max, .max), (.min, -1), (.min, .min), (1, .max), (-2, -.max),
      ] as [(Int64, Int64)] {
        let stored = try await harness.store("k", "\(value)")
        #expect(try await harness.write(.add("k", amount)).outcome == .addRefused(.overflow))
        #expect(try await harness.lookup("k").revision == stored.revision)
      }
      #expect(try await harness.add("least", .min).sum == .min)
      // Of several in one call, those are made whose own sums fit.
      try await harness.store("k", "\(Int64.max - 5)")
      let receipts = try await harness.database.write([
        .add("k", 5), .add("k", 1), .add("k", -1), .add("k", 1), .add("k", .max), .add("k", .min),
      ])
      #expect(receipts.map(\.outcome.sum) == [.max, nil, .max - 1, .max, nil, -1])
      #expect(receipts[1].outcome == .addRefused(.overflow))
    },
    Case("Concurrent additions to a key all count, each with a sum of its own") { harness in
      let sums = Sums()
      try await harness.concurrently(16) { number, database in
        for step in 0..<10 {
          let key = IdempotencyKey("\(number)-\(step)")
          var write = Write.add("k", 1)
          if step % 5 == 0 { write.idempotency = key }
          for receipt in try await database.write([write, .add("k", 2)]) where !receipt.isReplayed {
            await sums.add(receipt.outcome.sum)
          }
          guard step % 5 == 0 else { continue }
          #expect(try await database.write([write])[0].isReplayed)
        }
      }
      #expect(await sums.all.count == 320)
      #expect(await Set(sums.all).count == 320)
      #expect(await sums.all.max() == 480)
      #expect(try await harness.value("k") == "480")
      #expect(try await harness.lookup("k").entry?.metadata.version == 320)
    },
  ]
}

/// Collects sums.
private actor Sums {
  private(set) var all: [Int64] = []

  func add(_ sum: Int64?) { if let sum { all.append(sum) } }
}

extension DatabaseHarness {
  /// Makes an addition that must succeed.
  fileprivate func add(
    _ key: String, _ amount: Int64, contentType: String? = nil, expiry: Patch.Expiry = .kept
  ) async throws -> (metadata: Metadata, sum: Int64) {
    let patch = Patch(amount: amount, contentType: contentType, expiry: expiry)
    guard case .added(let metadata, let sum) = try await write(.patch(key, patch)).outcome else {
      throw ContractViolation("nothing was added to \(key)")
    }
    return (metadata, sum)
  }
}

extension WriteOutcome {
  /// The metadata after an addition.
  fileprivate var added: Metadata? {
    if case .added(let metadata, _) = self { metadata } else { nil }
  }

  /// The sum of an addition.
  var sum: Int64? { if case .added(_, let sum) = self { sum } else { nil } }
}
