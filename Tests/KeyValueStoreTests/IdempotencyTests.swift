import KeyValueStore
import StoreContracts
import TestSupport
import Testing

@Suite("Requests with an idempotency key", .timeLimit(.minutes(1)))
struct IdempotencyTests {
  let backing = Backing()
  let name = IdempotencyKey(name: "once", fingerprint: [1])

  @Test("A second request is refused while the first is in flight, on any loop, then replayed")
  func writeInFlight() async throws {
    let loop = Loop(backing)
    let other = Loop(backing)
    backing.database.beforeWrite.close()
    let first = await loop.start(writes: [put("a", idempotency: name)])
    await backing.database.beforeWrite.untilHeld()
    for loop in [loop, other] {
      await #expect(throws: StoreError.idempotencyInFlight) {
        try await loop.write(put("a", idempotency: name))
      }
    }
    #expect(backing.inFlight.count == 1)
    backing.database.beforeWrite.open()
    let receipt = try await first[0].value.get()
    #expect(!receipt.isReplayed)
    #expect(backing.inFlight.count == 0)
    let second = try await other.write(put("a", idempotency: name))
    #expect(second == WriteReceipt(outcome: receipt.outcome, isReplayed: true))
  }

  @Test("A write with an unknown outcome is repeated until it is known, and can be read then")
  func unknownOutcome() async throws {
    let loop = Loop(backing)
    _ = try await backing.database.write([put("a", "0")])
    #expect(try await loop.get(key("a")).text == "0")
    backing.database.loseOutcomes(2)
    let receipt = try await loop.write(put("a", "1", idempotency: name))
    guard case .stored(let metadata) = receipt.outcome else {
      Issue.record("Not stored: \(receipt)")
      return
    }
    #expect(metadata.version == 2 && backing.database.calls.writes.count == 4)
    #expect(
      backing.cache.updates == [[CacheUpdate(key: key("a"), outdatedBefore: metadata.revision)]])
    #expect(backing.feed.publications.isEmpty)
    #expect(try await loop.get(key("a")).text == "1")
    backing.database.loseOutcomes(1)
    let batch = Batch(
      operations: [.write(put("b"))], isAtomic: true,
      idempotency: IdempotencyKey(name: "twice", fingerprint: [1]))
    #expect(try await loop.execute(batch).isReplayed)
    #expect(backing.cache.updates.count == 2 && backing.inFlight.count == 0)
  }

  @Test("An outcome that stays unknown for too long is reported as unknown")
  func unknownForEver() async throws {
    let clock = TestSteadyClock()
    let start = clock.now
    let loop = Loop(backing, clock: clock.clock)
    backing.database.loseOutcomes(1_000)
    let error = StoreError.outcomeUnknown(cause: "the test has lost it")
    await #expect(throws: error) { try await loop.write(put("a", idempotency: name)) }
    // Pauses of 50, 100, 200, 400 and 800 ms, and then of a second.
    #expect(clock.now - start == .milliseconds(15_550))
    #expect(backing.database.calls.writes.count == 20 && backing.inFlight.count == 0)
    // A write without an idempotency key is not repeated.
    let before = backing.database.calls.writes.count
    await #expect(throws: error) { try await loop.write(put("a")) }
    #expect(backing.database.calls.writes.count == before + 1)
  }

  @Test("The time for repetitions begins with the first attempt")
  func findOutTime() async throws {
    let clock = TestSteadyClock()
    let loop = Loop(backing, clock: clock.clock)
    backing.database.beforeWrite.close()
    let tasks = await loop.start(writes: [put("a", idempotency: name)])
    await backing.database.beforeWrite.untilHeld()
    clock.advance(by: StoreLimits().findOutTime)
    backing.database.loseOutcomes(1)
    backing.database.beforeWrite.open()
    let error = StoreError.outcomeUnknown(cause: "the test has lost it")
    #expect(await tasks[0].value == .failure(error))
    #expect(backing.database.calls.writes.count == 1)
  }

  @Test("Requests with other names or without one are not delayed")
  func otherNames() async throws {
    let loop = Loop(backing)
    backing.database.beforeWrite.close()
    let tasks = await loop.start(writes: [
      put("a", idempotency: name), put("b"),
      put("c", idempotency: IdempotencyKey(name: "twice", fingerprint: [1])),
    ])
    await backing.database.beforeWrite.untilHeld()
    #expect(backing.inFlight.count == 2)
    backing.database.beforeWrite.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(backing.inFlight.count == 0)
  }

  @Test("The name is free again after a failure")
  func released() async throws {
    let loop = Loop(backing)
    backing.database.fail(with: databaseAway)
    backing.queue.follow(.fails(databaseAway))
    let batch = Batch(operations: [.write(put("a"))], isAtomic: true, idempotency: name)
    for _ in 1...2 {
      await #expect(throws: databaseAway) { try await loop.write(put("a", idempotency: name)) }
      await #expect(throws: databaseAway) { try await loop.execute(batch) }
      await #expect(throws: databaseAway) { try await loop.submit(put("a", idempotency: name)) }
    }
    #expect(backing.inFlight.count == 0)
  }

  @Test("The name is free again after a refusal for overload")
  func releasedAfterOverload() async throws {
    var limits = StoreLimits()
    limits.pendingWritesMax = 1
    let loop = Loop(backing, limits: limits)
    backing.database.beforeWrite.close()
    func named(_ text: String) -> Write {
      put("a", idempotency: IdempotencyKey(name: text, fingerprint: []))
    }
    var tasks = await loop.start(writes: [named("first")])
    await backing.database.beforeWrite.untilHeld()
    tasks += await loop.start(writes: [named("second")])
    await loop.until(writesWaiting: 1)
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) {
      try await loop.write(put("c", idempotency: name))
    }
    #expect(backing.inFlight.count == 2)
    backing.database.beforeWrite.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(backing.inFlight.count == 0)
  }

  @Test("Batches and queued writes are refused in the same way")
  func batchesAndSubmissions() async throws {
    let loop = Loop(backing)
    let batch = Batch(operations: [.write(put("a"))], isAtomic: true, idempotency: name)
    backing.database.beforeExecute.close()
    let first = Task { try await loop.execute(batch) }
    await backing.database.beforeExecute.untilHeld()
    await #expect(throws: StoreError.idempotencyInFlight) { try await loop.execute(batch) }
    await #expect(throws: StoreError.idempotencyInFlight) {
      try await loop.write(put("a", idempotency: name))
    }
    await #expect(throws: StoreError.idempotencyInFlight) {
      try await loop.submit(put("a", idempotency: name))
    }
    backing.database.beforeExecute.open()
    #expect(try await !first.value.isReplayed)

    backing.queue.beforeSubmit.close()
    backing.queue.follow(.keeps)
    let submission = Task { try await loop.submit(put("a", idempotency: name)) }
    await backing.queue.beforeSubmit.untilHeld()
    await #expect(throws: StoreError.idempotencyInFlight) { try await loop.execute(batch) }
    backing.queue.beforeSubmit.open()
    _ = try await submission.value
    #expect(backing.inFlight.count == 0)
  }
}
