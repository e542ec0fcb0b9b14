import TestSupport
import Testing

@testable import KeyValueStore

@Suite("Writes are batched", .timeLimit(.minutes(1)))
struct WriteBatchingTests {
  let backing = Backing()

  private var batches: [[String]] {
    backing.database.calls.writes.map { $0.map(\.key.text) }
  }

  @Test("Writes of one turn of the loop share one commit")
  func oneTurn() async throws {
    let loop = Loop(backing)
    for task in await loop.start(writes: [put("a"), put("b"), put("c")]) {
      _ = try await task.value.get()
    }
    #expect(batches == [["a", "b", "c"]])
    #expect(backing.observer.events.contains(.writeBatch(writes: 3, bytes: 48, error: nil)))
  }

  @Test("Writes that come while a batch is in flight share the next one, and hand over again")
  func gathering() async throws {
    let loop = Loop(backing)
    backing.database.beforeWrite.close()
    var tasks = await loop.start(writes: [put("a")])
    for generation in [["b", "c"], ["d"], ["e", "f", "g"]] {
      await backing.database.beforeWrite.untilHeld()
      tasks += await loop.start(writes: generation.map { put($0) })
      await loop.until(writesWaiting: generation.count)
      backing.database.beforeWrite.releaseFirst()
    }
    await backing.database.beforeWrite.untilHeld()
    backing.database.beforeWrite.open()
    var answered: [String] = []
    for task in tasks { answered.append(try await task.value.get().stored!.key.text) }
    #expect(batches == [["a"], ["b", "c"], ["d"], ["e", "f", "g"]])
    #expect(answered == ["a", "b", "c", "d", "e", "f", "g"])
    await loop.until(writesWaiting: 0)
  }

  @Test("Without other writers, the next writer becomes the leader")
  func idleBetween() async throws {
    let loop = Loop(backing)
    _ = try await loop.write(put("a"))
    _ = try await loop.write(put("b"))
    #expect(batches == [["a"], ["b"]])
  }

  @Test("Writes of the same key share a batch, in order")
  func sameKey() async throws {
    let loop = Loop(backing)
    let tasks = await loop.start(writes: [
      put("a", "1"), put("a", "2"), put("b"), put("a", "3"), put("c"),
    ])
    var versions: [Int64] = []
    for task in tasks { versions.append(try await task.value.get().stored!.version) }
    #expect(versions == [1, 2, 1, 3, 1])
    #expect(batches == [["a", "a", "b", "a", "c"]])
    #expect(try await loop.get(key("a")).text == "3")
  }

  @Test("Where commits take long, a batch waits for writers that have just been answered")
  func returning() async throws {
    var limits = StoreLimits()
    limits.gatheringLeast = .zero
    limits.gatheringShare = 1e9
    limits.gatheringMost = .seconds(600)
    limits.gatheringWindow = .seconds(600)
    let loop = Loop(backing, limits: limits)
    backing.database.beforeWrite.close()
    let first = await loop.start(writes: [put("a"), put("b")])
    await backing.database.beforeWrite.untilHeld()
    let second = await loop.start(writes: [put("c")])
    await loop.until(writesWaiting: 1)
    backing.database.beforeWrite.open()
    for task in first { _ = try await task.value.get() }
    // "c" could be committed alone, but its batch waits for as many writers as there were.
    let third = await loop.start(writes: [put("a", "2"), put("b", "2")])
    for task in second + third { _ = try await task.value.get() }
    #expect(batches == [["a", "b"], ["c", "a", "b"]])
  }

  @Test("A batch of all writers does not wait")
  func alone() async throws {
    var limits = StoreLimits()
    limits.gatheringLeast = .zero
    limits.gatheringShare = 1e9
    limits.gatheringMost = .seconds(600)
    limits.gatheringWindow = .seconds(600)
    let loop = Loop(backing, limits: limits)
    for number in 0..<3 { _ = try await loop.write(put("a", "\(number)")) }
    #expect(batches == [["a"], ["a"], ["a"]])
  }

  @Test("After a pause, a write does not wait, however many writers there were before")
  func afterPause() async throws {
    var limits = StoreLimits()
    limits.gatheringLeast = .zero
    limits.gatheringShare = 1e9
    // Longer than the test takes.
    limits.gatheringMost = .seconds(600)
    // Any pause is longer.
    limits.gatheringWindow = .zero
    let loop = Loop(backing, limits: limits)
    for task in await loop.start(writes: [put("a"), put("b"), put("c")]) {
      _ = try await task.value.get()
    }
    _ = try await loop.write(put("d"))
    #expect(batches == [["a", "b", "c"], ["d"]])
  }

  @Test("A batch has a bounded number of writes")
  func writesMax() async throws {
    var limits = StoreLimits()
    limits.batchWritesMax = 2
    let loop = Loop(backing, limits: limits)
    let tasks = await loop.start(writes: ["a", "b", "c", "d", "e"].map { put($0) })
    for task in tasks { _ = try await task.value.get() }
    #expect(batches == [["a", "b"], ["c", "d"], ["e"]])
  }

  @Test("A batch has a bounded number of bytes, but always one write")
  func bytesMax() async throws {
    var limits = StoreLimits()
    // A write here weighs 1 + 10 bytes and those of its value.
    limits.batchBytesMax = 30
    let loop = Loop(backing, limits: limits)
    let large = String(repeating: "x", count: 100)
    let tasks = await loop.start(writes: [
      put("a", "1234"), put("b", "1234"), put("c", large), put("d", "1234"), put("e", "12345"),
    ])
    for task in tasks { _ = try await task.value.get() }
    #expect(batches == [["a", "b"], ["c"], ["d"], ["e"]])
  }

  @Test("Each write of a batch gets its own outcome, and successful ones are published")
  func partialFailure() async throws {
    let loop = Loop(backing)
    backing.database.hold([key("b")])
    let tasks = await loop.start(writes: [put("a"), put("b"), put("c")])
    for task in tasks { #expect(try await task.value.get().stored?.version == 1) }
    // The key that another transaction was writing has waited in a batch of its own.
    #expect(batches == [["a", "b", "c"], ["b"]])
    #expect(backing.database.calls.isPatient == [false, true])
    #expect(backing.feed.publications.joined().map(\.key.text) == ["a", "c", "b"])
    #expect(try await loop.get(key("a")).source == .cache)
  }

  @Test("Writes of a contended key wait in a batch of their own, for a while")
  func contended() async throws {
    let loop = Loop(backing, clock: TestSteadyClock().clock)
    backing.database.hold([key("a")])
    _ = try await loop.write(put("a"))
    for task in await loop.start(writes: [put("a", "2"), put("b")]) {
      _ = try await task.value.get()
    }
    #expect(Set(batches.dropFirst(2)) == [["a"], ["b"]])
    var keys = ContendedKeys()
    let start = ContinuousClock.now
    #expect(!keys.contains(key("a"), at: start))
    keys.insert(key("a"), at: start)
    let end = start + ContendedKeys.lifetime
    #expect(keys.contains(key("a"), at: end - .nanoseconds(1)))
    #expect(!keys.contains(key("b"), at: start))
    #expect(!keys.contains(key("a"), at: end))
    for number in 0..<2_000 { keys.insert(key("k\(number)"), at: start) }
    #expect(!keys.contains(key("k1999"), at: start))
    keys.insert(key("k1999"), at: end)
    #expect(keys.contains(key("k1999"), at: end))
  }

  @Test("Writes with an idempotency key do not delay plain ones")
  func idempotent() async throws {
    let loop = Loop(backing)
    var named = put("a")
    named.idempotency = IdempotencyKey(name: "n", fingerprint: [])
    for task in await loop.start(writes: [named, put("b")]) { _ = try await task.value.get() }
    #expect(Set(batches) == [["a"], ["b"]])
  }

  @Test("A failing batch fails only its own writers")
  func failure() async throws {
    let loop = Loop(backing)
    backing.database.beforeWrite.close()
    let failing = await loop.start(writes: [put("a"), put("b")])
    await backing.database.beforeWrite.untilHeld()
    let working = await loop.start(writes: [put("c"), put("a", "again")])
    await loop.until(writesWaiting: 2)
    backing.database.fail(with: databaseAway)
    backing.database.beforeWrite.releaseFirst()
    await backing.database.beforeWrite.untilHeld()
    backing.database.fail(with: nil)
    backing.database.beforeWrite.open()
    for task in failing { #expect(await task.value == .failure(databaseAway)) }
    for task in working { #expect(try await task.value.get().stored?.version == 1) }
    #expect(backing.feed.publications.map { $0.map(\.key.text) } == [["c", "a"]])
    #expect(
      backing.observer.events.contains(.writeBatch(writes: 2, bytes: 32, error: databaseAway)))
  }

  @Test("Beyond the bound on waiting writes, a write is refused before any work")
  func overloadedByCount() async throws {
    var limits = StoreLimits()
    limits.pendingWritesMax = 2
    limits.retryAfter = 7
    let loop = Loop(backing, limits: limits)
    backing.database.beforeWrite.close()
    var tasks = await loop.start(writes: [put("a")])
    await backing.database.beforeWrite.untilHeld()
    tasks += await loop.start(writes: [put("b"), put("c")])
    await loop.until(writesWaiting: 2)
    await #expect(throws: StoreError.overloaded(retryAfter: 7)) { try await loop.write(put("d")) }
    backing.database.beforeWrite.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(batches == [["a"], ["b", "c"]])
    #expect(backing.observer.events.contains(.refused(.write)))
    _ = try await loop.write(put("d"))
  }

  @Test("Beyond the bound on waiting bytes, a write is refused, but one always fits")
  func overloadedByBytes() async throws {
    var limits = StoreLimits()
    limits.pendingBytesMax = 20
    let loop = Loop(backing, limits: limits)
    backing.database.beforeWrite.close()
    let large = String(repeating: "x", count: 100)
    var tasks = await loop.start(writes: [put("a", large)])
    await backing.database.beforeWrite.untilHeld()
    tasks += await loop.start(writes: [put("b", "123456789")])
    await loop.until(writesWaiting: 1)
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) { try await loop.write(put("c")) }
    backing.database.beforeWrite.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(batches == [["a"], ["b"]])
  }

  @Test("A writer that is cancelled, leader or not, is answered once, and so are the others")
  func cancellation() async throws {
    let loop = Loop(backing)
    backing.database.beforeWrite.close()
    let first = await loop.start(writes: [put("a"), put("b")])
    await backing.database.beforeWrite.untilHeld()
    let second = await loop.start(writes: [put("c"), put("d")])
    await loop.until(writesWaiting: 2)
    for task in first + second { task.cancel() }
    backing.database.beforeWrite.open()
    for task in first + second { #expect(try await task.value.get().stored?.version == 1) }
    #expect(batches == [["a", "b"], ["c", "d"]])
  }
}
