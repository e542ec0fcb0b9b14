import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let patches: [Case] = [
    Case("A patch changes what it names and keeps the rest; revision and version grow") { harness in
      let first = try await harness.store("k", "value", contentType: "a/b", timeToLive: 1_000)
      try await harness.advance(seconds: 3)
      let touched = try await harness.patch("k", Patch())
      #expect(touched.version == 2 && touched.revision > first.revision)
      #expect(touched.createdAt == first.createdAt && touched.updatedAt > first.updatedAt)
      #expect(touched.contentType == "a/b" && touched.expiresAt == first.expiresAt)
      #expect(touched.size == 5)
      let typed = try await harness.patch("k", Patch(contentType: "text/x; a=\"é\""))
      #expect(typed.contentType == "text/x; a=\"é\"" && typed.expiresAt == first.expiresAt)
      let renewed = try await harness.patch("k", Patch(expiry: .after(seconds: 50)))
      #expect(renewed.expiresAt == renewed.updatedAt.adding(seconds: 50))
      #expect(renewed.contentType == typed.contentType)
      let eternal = try await harness.patch("k", Patch(contentType: "c/d", expiry: .never))
      #expect(eternal.expiresAt == nil && eternal.contentType == "c/d" && eternal.version == 5)
      #expect(
        try await harness.lookup("k")
          == .found(Entry(metadata: eternal, value: Array("value".utf8))))
    },
    Case("A patch leaves a value of any bytes and size alone") { harness in
      for value in [[], (0...255).map { UInt8($0) }, [UInt8](repeating: 7, count: 1 << 20)] {
        let put = Write(
          key: Key("k"), mutation: .put(value: value, contentType: "a/b", timeToLive: nil))
        _ = try await harness.write(put)
        let metadata = try await harness.patch("k", Patch(contentType: "c/d"))
        #expect(metadata.size == value.count)
        #expect(
          try await harness.lookup("k") == .found(Entry(metadata: metadata, value: value)))
      }
    },
    Case("There must be an entry to patch") { harness in
      try await harness.store("deleted")
      try await harness.remove("deleted")
      try await harness.store("expired", timeToLive: 1)
      try await harness.advance(seconds: 2)
      for key in ["never", "deleted", "expired"] {
        let before = try await harness.lookup(key)
        for patch in [Patch(), Patch(contentType: "a/b"), Patch(expiry: .never)] {
          #expect(try await harness.write(.patch(key, patch)).outcome == .notFound)
        }
        #expect(try await harness.lookup(key) == before)
      }
    },
    Case("An entry that a patch keeps alive does not expire, and one that it ends does") {
      harness in
      try await harness.store("renewed", timeToLive: 10)
      try await harness.store("ended")
      _ = try await harness.patch("renewed", Patch(expiry: .after(seconds: 1_000)))
      _ = try await harness.patch("ended", Patch(expiry: .after(seconds: 10)))
      try await harness.advance(seconds: 20)
      #expect(try await harness.value("renewed") == "value")
      #expect(try await harness.value("ended") == nil)
      #expect(
        try await harness.database.purgeExpired(limit: 10).changes.map(\.key) == [Key("ended")])
    },
    Case("Every kind of condition decides a patch and an addition") { harness in
      let conditions: [(@Sendable (Revision) -> Condition, Bool)] = [
        ({ _ in .exists }, true), ({ .matching($0) }, true), ({ _ in .isAbsent }, false),
        ({ .matching(Revision(1), $0) }, true), ({ _ in .matching(Revision(1)) }, false),
        ({ .notMatching($0) }, false), ({ _ in .notMatching(Revision(1)) }, true),
      ]
      for (number, (condition, holds)) in conditions.enumerated() {
        for (kind, patch) in [Patch(contentType: "a/b"), Patch(amount: 1)].enumerated() {
          let key = "k-\(number)-\(kind)"
          let current = try await harness.store(key, "1").revision
          let write = Write.patch(key, patch, condition: condition(current))
          let outcome = try await harness.write(write).outcome
          #expect(outcome.hasWritten == holds, "\(number)")
          if !holds { #expect(outcome == .preconditionFailed(current: current), "\(number)") }
          #expect(try await harness.value(key) == (holds && kind == 1 ? "2" : "1"))
        }
      }
      #expect(
        try await harness.write(.patch("none", Patch(), condition: .exists)).outcome
          == .preconditionFailed(current: nil))
      let created = try await harness.write(.add("none", 5, condition: .isAbsent)).outcome
      #expect(created.sum == 5)
    },
    Case("A repeated patch with an idempotency key counts once") { harness in
      let touch = Write.patch("k", Patch(), idempotency: IdempotencyKey("touch"))
      let missing = try await harness.write(touch)
      #expect(missing == WriteReceipt(outcome: .notFound))
      let add = Write.patch("k", Patch(amount: 5), idempotency: IdempotencyKey("add"))
      let first = try await harness.write(add)
      #expect(first.outcome.sum == 5)
      #expect(
        try await harness.write(add) == WriteReceipt(outcome: first.outcome, isReplayed: true))
      #expect(try await harness.write(touch).isReplayed)
      #expect(try await harness.value("k") == "5")
      try await harness.store("text", "text")
      let refused = Write.patch("text", Patch(amount: 1), idempotency: IdempotencyKey("refused"))
      #expect(
        try await harness.write(refused) == WriteReceipt(outcome: .addRefused(.notAnInteger)))
      try await harness.store("text", "1")
      #expect(
        try await harness.write(refused)
          == WriteReceipt(outcome: .addRefused(.notAnInteger), isReplayed: true))
      #expect(try await harness.value("text") == "1")
    },
    Case("A put, a patch, an addition and a delete of one key in one call take effect in order") {
      harness in
      let receipts = try await harness.database.write([
        .put("k", "7"), .patch("k", Patch(contentType: "a/b")), .add("k", 1), .add("other", 3),
        .patch("k", Patch()), .delete("k"), .patch("k", Patch()), .add("k", 2),
        .patch("k", Patch(expiry: .after(seconds: 10))),
      ])
      #expect(receipts.map(\.outcome.sum) == [nil, nil, 8, 3, nil, nil, nil, 2, nil])
      #expect(receipts[6].outcome == .notFound)
      guard case .added(let added, _) = receipts[2].outcome,
        case .stored(let last) = receipts[8].outcome
      else { throw ContractViolation("not written") }
      #expect(added.version == 3 && added.contentType == "a/b")
      #expect(last.version == 2 && last.contentType == Patch.newContentType)
      #expect(
        try await harness.lookup("k") == .found(Entry(metadata: last, value: Array("2".utf8))))
    },
    Case("Patches of many keys in one call each have their own settings") { harness in
      for number in 0..<6 { try await harness.store("k\(number)", timeToLive: 1_000) }
      let receipts = try await harness.database.write([
        .patch("k0", Patch()), .patch("k1", Patch(contentType: "a/b")),
        .patch("k2", Patch(expiry: .never)), .patch("k3", Patch(expiry: .after(seconds: 5))),
        .patch("k4", Patch(contentType: "c/d", expiry: .never)), .patch("none", Patch()),
      ])
      let found = receipts.map { receipt -> Metadata? in
        if case .stored(let metadata) = receipt.outcome { metadata } else { nil }
      }
      #expect(
        found.map { $0?.contentType }
          == ["text/plain", "a/b", "text/plain", "text/plain", "c/d", nil])
      #expect(found.map { $0?.expiresAt == nil } == [false, false, true, false, true, true])
      #expect(found[3]?.expiresAt == found[3]?.updatedAt.adding(seconds: 5))
      #expect(receipts[5].outcome == .notFound)
    },
  ]

  static let patchesInBatches: [Case] = [
    Case("Additions and patches in a batch see what the earlier operations left") { harness in
      for isAtomic in [true, false] {
        let key = "k-\(isAtomic)"
        let receipt = try await harness.database.execute(
          Batch(
            operations: [
              .write(.add(key, 2)), .get(Key(key)), .write(.add(key, 3)),
              .write(.patch(key, Patch(contentType: "a/b"))), .get(Key(key)),
              .write(.put(key, "40")), .write(.add(key, 2)),
              .write(.patch(key, Patch(expiry: .after(seconds: 9)))),
            ], isAtomic: isAtomic))
        guard case .completed(let results) = receipt.outcome else {
          throw ContractViolation("the batch was not completed")
        }
        #expect(results.map(\.sum) == [2, nil, 5, nil, nil, nil, 42, nil])
        #expect(results[1].value == "2" && results[4].value == "5")
        let entry = try #require(try await harness.lookup(key).entry)
        #expect(entry.metadata.version == 6 && entry.value == Array("42".utf8))
        #expect(entry.metadata.expiresAt == entry.metadata.updatedAt.adding(seconds: 9))
      }
    },
    Case("A patch in a batch keeps a value that the batch does not read") { harness in
      try await harness.store("k", "value")
      let receipt = try await harness.database.execute(
        Batch(operations: [.write(.patch("k", Patch(contentType: "a/b")))], isAtomic: true))
      guard case .completed(let results) = receipt.outcome,
        case .write(.stored(let metadata)) = results[0]
      else { throw ContractViolation("not patched") }
      #expect(
        try await harness.lookup("k")
          == .found(Entry(metadata: metadata, value: Array("value".utf8))))
    },
    Case("An addition that is refused undoes an atomic batch, and fails alone otherwise") {
      harness in
      try await harness.store("text", "x")
      try await harness.store("full", "\(Int64.max)")
      for (key, reason) in [("text", AddRefusal.notAnInteger), ("full", .overflow)] {
        let operations: [Batch.Operation] = [
          .write(.put("other-\(key)")), .write(.add(key, 1)), .write(.add("counter-\(key)", 1)),
        ]
        let atomic = try await harness.database.execute(
          Batch(operations: operations, isAtomic: true))
        #expect(atomic.outcome == .addRefused(index: 1, reason))
        #expect(try await harness.lookup("other-\(key)") == .absent(.none))
        let plain = try await harness.database.execute(
          Batch(operations: operations, isAtomic: false))
        guard case .completed(let results) = plain.outcome else {
          throw ContractViolation("the batch was not completed")
        }
        #expect(results[1] == .write(.addRefused(reason)) && results[2].sum == 1)
        #expect(try await harness.value("other-\(key)") == "value")
      }
    },
    Case("A repeated batch adds once, and so does one that was refused") { harness in
      let batch = Batch(
        operations: [.write(.add("k", 5)), .write(.patch("k", Patch()))], isAtomic: true,
        idempotency: IdempotencyKey("a"))
      let first = try await harness.database.execute(batch)
      #expect(
        try await harness.database.execute(batch)
          == BatchReceipt(outcome: first.outcome, isReplayed: true))
      #expect(try await harness.value("k") == "5")
      try await harness.store("text", "x")
      let refused = Batch(
        operations: [.write(.add("text", 5))], isAtomic: true, idempotency: IdempotencyKey("b"))
      let outcome = BatchOutcome.addRefused(index: 0, .notAnInteger)
      #expect(try await harness.database.execute(refused) == BatchReceipt(outcome: outcome))
      try await harness.store("text", "1")
      #expect(
        try await harness.database.execute(refused)
          == BatchReceipt(outcome: outcome, isReplayed: true))
    },
  ]
}

extension DatabaseHarness {
  /// Makes a patch that must change an entry.
  fileprivate func patch(_ key: String, _ patch: Patch) async throws -> Metadata {
    guard case .stored(let metadata) = try await write(.patch(key, patch)).outcome else {
      throw ContractViolation("\(key) was not patched")
    }
    return metadata
  }
}

extension OperationOutcome {
  fileprivate var sum: Int64? { if case .write(.added(_, let sum)) = self { sum } else { nil } }

  fileprivate var value: String? {
    guard case .read(.found(let entry)) = self else { return nil }
    return String(decoding: entry.value, as: UTF8.self)
  }
}
