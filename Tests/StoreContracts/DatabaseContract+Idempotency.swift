import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let idempotency: [Case] = [
    Case("A repeated request gets its first outcome and writes nothing") { harness in
      let write = Write.put("k", "1", idempotency: IdempotencyKey("a"))
      let first = try await harness.write(write)
      #expect(!first.isReplayed)
      let newer = try await harness.store("k", "2")
      #expect(newer.version == 2)
      let second = try await harness.write(write)
      #expect(second == WriteReceipt(outcome: first.outcome, isReplayed: true))
      #expect(try await harness.lookup("k").entry?.metadata == newer)
    },
    Case("A repeated delete gets its first outcome, a 404 included") { harness in
      try await harness.store("k")
      let write = Write.delete("k", idempotency: IdempotencyKey("a"))
      let first = try await harness.write(write)
      try await harness.store("k", "again")
      #expect(
        try await harness.write(write) == WriteReceipt(outcome: first.outcome, isReplayed: true))
      #expect(try await harness.value("k") == "again")

      let missing = Write.delete("missing", idempotency: IdempotencyKey("b"))
      #expect(try await harness.write(missing) == WriteReceipt(outcome: .notFound))
      try await harness.store("missing")
      #expect(
        try await harness.write(missing)
          == WriteReceipt(outcome: .notFound, isReplayed: true))
      #expect(try await harness.value("missing") == "value")
    },
    Case("A false condition is an outcome that is repeated, too") { harness in
      let current = try await harness.store("k").revision
      let write = Write.put("k", "no", condition: .isAbsent, idempotency: IdempotencyKey("a"))
      let expected = WriteOutcome.preconditionFailed(current: current)
      #expect(try await harness.write(write) == WriteReceipt(outcome: expected))
      try await harness.remove("k")
      #expect(
        try await harness.write(write) == WriteReceipt(outcome: expected, isReplayed: true))
      #expect(try await harness.value("k") == nil)
    },
    Case("Another request under the same name is refused and writes nothing") { harness in
      let name = "a"
      _ = try await harness.write(.put("k", "1", idempotency: IdempotencyKey(name)))
      let other = Write.put("other", "2", idempotency: IdempotencyKey(name, request: 2))
      #expect(try await harness.write(other) == WriteReceipt(outcome: .idempotencyMismatch))
      #expect(try await harness.value("other") == nil)
      // The first outcome stays.
      let again = try await harness.write(.put("k", "1", idempotency: IdempotencyKey(name)))
      #expect(again.isReplayed)
    },
    Case("Names are independent, also in one call") { harness in
      let receipts = try await harness.database.write([
        .put("a", idempotency: IdempotencyKey("1")), .put("b", idempotency: IdempotencyKey("2")),
        .put("c"),
      ])
      #expect(receipts.count == 3)
      for receipt in receipts {
        guard case .stored = receipt.outcome, !receipt.isReplayed else {
          throw ContractViolation("a write with a name of its own did not succeed")
        }
      }
    },
    Case("Outcomes are kept for 24 h and across a restart, then the name is free again") {
      harness in
      let write = Write.put("k", "1", idempotency: IdempotencyKey("a"))
      let first = try await harness.write(write)
      try await harness.advance(seconds: 86_000)
      try await harness.reopen()
      #expect(
        try await harness.write(write) == WriteReceipt(outcome: first.outcome, isReplayed: true))
      try await harness.advance(seconds: 1_000)
      let later = Write.put("k", "2", idempotency: IdempotencyKey("a", request: 2))
      let receipt = try await harness.write(later)
      guard case .stored(let metadata) = receipt.outcome else {
        throw ContractViolation("a name was kept for too long")
      }
      #expect(!receipt.isReplayed && metadata.version == 2)
      #expect(try await harness.write(later).isReplayed)
    },
  ]

  static let batchIdempotency: [Case] = [
    Case("A repeated batch gets its first outcome with the values that it read") { harness in
      try await harness.store("k", "before")
      let batch = Batch(
        operations: [.get(Key("k")), .write(.put("k", "after")), .get(Key("none"))],
        isAtomic: true, idempotency: IdempotencyKey("a"))
      let first = try await harness.database.execute(batch)
      #expect(!first.isReplayed)
      try await harness.store("k", "newer")
      let second = try await harness.database.execute(batch)
      #expect(second == BatchReceipt(outcome: first.outcome, isReplayed: true))
      #expect(try await harness.value("k") == "newer")
    },
    Case("A failed atomic batch is repeated, and refused under another request's name") {
      harness in
      let batch = Batch(
        operations: [.write(.put("a")), .write(.put("b", condition: .exists))],
        isAtomic: true, idempotency: IdempotencyKey("a"))
      let failed = BatchOutcome.preconditionFailed(index: 1, current: nil)
      #expect(try await harness.database.execute(batch) == BatchReceipt(outcome: failed))
      try await harness.store("b")
      #expect(
        try await harness.database.execute(batch)
          == BatchReceipt(outcome: failed, isReplayed: true))
      var other = batch
      other.idempotency = IdempotencyKey("a", request: 2)
      #expect(
        try await harness.database.execute(other)
          == BatchReceipt(outcome: .idempotencyMismatch))
      #expect(try await harness.value("a") == nil)
    },
    Case("A write and a batch can't share a name") { harness in
      _ = try await harness.write(.put("k", idempotency: IdempotencyKey("a")))
      let batch = Batch(
        operations: [.write(.put("b"))], isAtomic: false,
        idempotency: IdempotencyKey("a", request: 2))
      #expect(
        try await harness.database.execute(batch)
          == BatchReceipt(outcome: .idempotencyMismatch))
      #expect(try await harness.value("b") == nil)
    },
  ]
}
