import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let batches: [Case] = [
    Case("Operations of a batch take effect in order, also on the same key") { harness in
      for isAtomic in [true, false] {
        let key = "k-\(isAtomic)"
        let outcome = try await harness.run(
          [
            .get(Key(key)), .write(.put(key, "1")), .get(Key(key)), .write(.put(key, "2")),
            .write(.delete(key)), .get(Key(key)), .write(.delete(key)),
            .write(.put(key, "3", condition: .isAbsent)), .get(Key(key)),
          ], isAtomic: isAtomic)
        guard case .completed(let results) = outcome, results.count == 9 else {
          throw ContractViolation("the batch was not completed")
        }
        #expect(results[0] == .read(.absent(.none)))
        let first = try #require(results[1].stored)
        #expect(first.version == 1)
        #expect(results[2] == .read(.found(Entry(metadata: first, value: Array("1".utf8)))))
        let second = try #require(results[3].stored)
        #expect(second.version == 2 && second.revision > first.revision)
        guard case .write(.deleted(let tombstone)) = results[4] else {
          throw ContractViolation("the entry was not deleted")
        }
        #expect(tombstone > second.revision)
        #expect(results[5] == .read(.absent(tombstone)))
        #expect(results[6] == .write(.notFound))
        let third = try #require(results[7].stored)
        #expect(third.version == 1 && third.revision > tombstone)
        #expect(results[8] == .read(.found(Entry(metadata: third, value: Array("3".utf8)))))
        #expect(try await harness.value(key) == "3")
      }
    },
    Case("Gets return no more bytes than the batch may read, and smaller ones still fit") {
      harness in
      _ = try await harness.store("large", "123456")
      _ = try await harness.store("small", "1")
      let batch = Batch(
        operations: [
          .get(Key("large")), .get(Key("large")), .get(Key("none")), .get(Key("small")),
        ], isAtomic: false, readBytesMax: 10)
      guard case .completed(let results) = try await harness.database.execute(batch).outcome else {
        throw ContractViolation("the batch was not completed")
      }
      #expect(try results[0] == .read(await harness.lookup("large")))
      #expect(results[1] == .readTooLarge)
      #expect(results[2] == .read(.absent(.none)))
      #expect(try results[3] == .read(await harness.lookup("small")))
    },
    Case("A false condition undoes a whole atomic batch, and the outcome names its index") {
      harness in
      let old = try await harness.store("a", "old")
      let current = try await harness.store("c").revision
      let outcome = try await harness.run(
        [
          .write(.put("a", "new")), .write(.delete("a")), .write(.put("b")),
          .write(.put("c", condition: .isAbsent)), .write(.put("d")),
        ], isAtomic: true)
      #expect(outcome == .preconditionFailed(index: 3, current: current))
      #expect(
        try await harness.lookup("a")
          == .found(Entry(metadata: old, value: Array("old".utf8))))
      #expect(try await harness.lookup("b") == .absent(.none))
      #expect(try await harness.lookup("d") == .absent(.none))
    },
    Case("A false condition on an absent key names no revision") { harness in
      let outcome = try await harness.run(
        [.write(.put("a", condition: .exists))], isAtomic: true)
      #expect(outcome == .preconditionFailed(index: 0, current: nil))
    },
    Case("A delete that finds nothing does not fail an atomic batch") { harness in
      let outcome = try await harness.run(
        [.write(.delete("none")), .write(.put("a"))], isAtomic: true)
      guard case .completed(let results) = outcome else {
        throw ContractViolation("the batch was not completed")
      }
      #expect(results.first == .write(.notFound))
      #expect(try await harness.value("a") == "value")
    },
    Case("A false condition fails only its own operation of a batch that is not atomic") {
      harness in
      let current = try await harness.store("b").revision
      let outcome = try await harness.run(
        [
          .write(.put("a")), .write(.put("b", condition: .isAbsent)),
          .write(.delete("b", condition: .matching(Revision(1)))), .write(.put("c")),
        ], isAtomic: false)
      guard case .completed(let results) = outcome, results.count == 4 else {
        throw ContractViolation("the batch was not completed")
      }
      #expect(results[0].stored != nil)
      #expect(results[1] == .write(.preconditionFailed(current: current)))
      #expect(results[2] == .write(.preconditionFailed(current: current)))
      #expect(results[3].stored != nil)
      #expect(try await harness.value("c") == "value")
    },
    Case("An earlier operation of a batch can make the condition of a later one true") { harness in
      let outcome = try await harness.run(
        [.write(.put("a", "1")), .write(.put("a", "2", condition: .exists))], isAtomic: true)
      guard case .completed = outcome else { throw ContractViolation("not completed") }
      #expect(try await harness.value("a") == "2")
    },
    Case("A batch of 1,000 operations is one commit that survives a restart") { harness in
      let operations = (0..<1_000).map { number in
        Batch.Operation.write(.put("key-\(number % 600)", "\(number)"))
      }
      guard case .completed(let results) = try await harness.run(operations, isAtomic: true)
      else { throw ContractViolation("not completed") }
      #expect(results.count == 1_000)
      try await harness.reopen()
      #expect(try await harness.value("key-0") == "600")
      #expect(try await harness.value("key-599") == "599")
      #expect(try await harness.lookup("key-399").entry?.metadata.version == 2)
    },
    Case("A batch without operations is completed") { harness in
      let atomic = try await harness.run([], isAtomic: true)
      let plain = try await harness.run([], isAtomic: false)
      #expect(atomic == .completed([]) && plain == .completed([]))
    },
  ]
}

extension DatabaseHarness {
  fileprivate func run(
    _ operations: [Batch.Operation], isAtomic: Bool
  ) async throws -> BatchOutcome {
    let receipt = try await database.execute(Batch(operations: operations, isAtomic: isAtomic))
    #expect(!receipt.isReplayed)
    return receipt.outcome
  }
}

extension OperationOutcome {
  fileprivate var stored: Metadata? {
    if case .write(.stored(let metadata)) = self { metadata } else { nil }
  }
}
