import KeyValueStore
import Testing

@Suite("Client batches", .timeLimit(.minutes(1)))
struct BatchTests {
  let backing = Backing()

  private func isDelete(_ change: Change) -> Bool { change.kind == .delete }

  @Test("The cache gets the last state of each key, and the feed gets all, in order")
  func lastState() async throws {
    let loop = Loop(backing)
    let receipt = try await loop.execute(
      Batch(
        operations: [
          .write(put("a", "1")), .write(put("b", "1")), .get(key("a")), .write(put("a", "2")),
          .write(put("c", "1")), .write(delete("c")), .write(delete("absent")),
        ], isAtomic: true))
    guard case .completed(let outcomes) = receipt.outcome else {
      Issue.record("Not completed: \(receipt.outcome)")
      return
    }
    #expect(outcomes.count == 7)
    #expect(backing.feed.publications.map { $0.map(\.key.text) } == [["a", "b", "a", "c", "c"]])
    #expect(backing.feed.publications[0].map(isDelete) == [false, false, false, false, true])
    #expect(backing.cache.updates.map { $0.map(\.key.text) } == [["b", "a", "c"]])
    #expect(try await loop.get(key("a")).text == "2")
    #expect(try await loop.get(key("b")).text == "1")
    #expect(try await loop.get(key("c")).entry == nil)
    #expect(backing.database.calls.reads.isEmpty)
    #expect(backing.observer.events.contains(.batch(operations: 7, error: nil)))
  }

  @Test("A key whose last operation failed keeps the state of the one before")
  func lastThatWrote() async throws {
    let loop = Loop(backing)
    _ = try await loop.execute(
      Batch(
        operations: [
          .write(put("a", "1")), .write(put("a", "2", condition: Condition(ifNoneMatch: .any))),
        ], isAtomic: false))
    #expect(backing.feed.publications.map { $0.map(\.key.text) } == [["a"]])
    #expect(try await loop.get(key("a")).text == "1")
  }

  @Test("A batch that wrote nothing publishes nothing")
  func nothingWritten() async throws {
    let loop = Loop(backing)
    let failed = try await loop.execute(
      Batch(
        operations: [
          .write(put("a")), .write(put("b", condition: Condition(ifMatch: .any))),
        ], isAtomic: true))
    #expect(failed.outcome == .preconditionFailed(index: 1, current: nil))
    _ = try await loop.execute(Batch(operations: [.get(key("a"))], isAtomic: false))
    #expect(backing.feed.publications.isEmpty)
    #expect(backing.cache.updates.isEmpty)
  }

  @Test("A replayed batch updates the cache again, and publishes nothing")
  func replayed() async throws {
    let loop = Loop(backing)
    let batch = Batch(
      operations: [.write(put("a"))], isAtomic: true,
      idempotency: IdempotencyKey(name: "once", fingerprint: [1]))
    let first = try await loop.execute(batch)
    let second = try await loop.execute(batch)
    #expect(second == BatchReceipt(outcome: first.outcome, isReplayed: true))
    #expect(backing.feed.publications.count == 1)
    #expect(backing.cache.updates.count == 2)
  }

  @Test("Beyond the bound on batches in flight, one is refused, and admitted when another is done")
  func countMax() async throws {
    var limits = StoreLimits()
    limits.transactionsMax = 1
    let loop = Loop(backing, limits: limits)
    let batch = Batch(operations: [.write(put("a"))], isAtomic: true)
    backing.database.beforeExecute.close()
    let first = Task { try await loop.execute(batch) }
    await backing.database.beforeExecute.untilHeld()
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) { try await loop.execute(batch) }
    #expect(backing.observer.events == [.refused(.batch)])
    backing.database.fail(with: databaseAway)
    backing.database.beforeExecute.open()
    await #expect(throws: databaseAway) { try await first.value }
    backing.database.fail(with: nil)
    _ = try await loop.execute(batch)
  }

  @Test("Beyond the bound on their bytes, one is refused, but one alone always fits")
  func bytesMax() async throws {
    var limits = StoreLimits()
    limits.transactionBytesMax = 20
    let loop = Loop(backing, limits: limits)
    let small = Batch(operations: [.get(key("a"))], isAtomic: true)
    let large = Batch(operations: [.write(put("a", "1234567890"))], isAtomic: true)
    backing.database.beforeExecute.close()
    let first = Task { try await loop.execute(large) }
    await backing.database.beforeExecute.untilHeld()
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) { try await loop.execute(small) }
    backing.database.beforeExecute.releaseFirst()
    _ = try await first.value
    let second = Task { try await loop.execute(small) }
    await backing.database.beforeExecute.untilHeld()
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) { try await loop.execute(large) }
    backing.database.beforeExecute.open()
    _ = try await second.value
  }

  @Test("A batch that is done releases its bytes while others are in flight")
  func bytesGivenBack() async throws {
    var limits = StoreLimits()
    limits.transactionBytesMax = 20
    let loop = Loop(backing, limits: limits)
    let batch = Batch(operations: [.get(key("12345678"))], isAtomic: true)
    backing.database.beforeExecute.close()
    let first = Task { try await loop.execute(batch) }
    await backing.database.beforeExecute.untilHeld(1)
    let second = Task { try await loop.execute(batch) }
    await backing.database.beforeExecute.untilHeld(2)
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) { try await loop.execute(batch) }
    backing.database.beforeExecute.releaseFirst()
    _ = try await first.value
    let third = Task { try await loop.execute(batch) }
    await backing.database.beforeExecute.untilHeld(2)
    backing.database.beforeExecute.open()
    _ = try await second.value
    _ = try await third.value
  }
}
