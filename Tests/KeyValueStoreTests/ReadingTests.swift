import KeyValueStore
import StoreContracts
import TestSupport
import Testing

@Suite("Reads", .timeLimit(.minutes(1)))
struct ReadingTests {
  let backing = Backing()

  private var lookups: [[String]] {
    backing.database.calls.reads.map { $0.map(\.text) }
  }

  @Test("A key that the cache knows is not read from the database, even if it is absent")
  func cached() async throws {
    let loop = Loop(backing)
    _ = try await loop.write(put("a", "1"))
    #expect(try await loop.get(key("a")).text == "1")
    #expect(try await loop.get(key("b")) == Reading(entry: nil, source: .database))
    #expect(try await loop.get(key("b")) == Reading(entry: nil, source: .cache))
    #expect(lookups == [["b"]])
    let answers = backing.observer.events.filter { if case .answered = $0 { true } else { false } }
    #expect(answers == [.answered(.hit), .answered(.miss), .answered(.hit)])
  }

  @Test("A miss is read from the database and kept")
  func miss() async throws {
    _ = try await backing.database.write([put("a", "1")])
    let loop = Loop(backing)
    let first = try await loop.get(key("a"))
    #expect(first.text == "1" && first.source == .database)
    let second = try await loop.get(key("a"))
    #expect(second.text == "1" && second.source == .cache)
    let statistics = await loop.cacheStatistics()
    #expect(statistics.hits == 1 && statistics.misses == 1 && statistics.keys == 1)
  }

  @Test("Misses of one turn share one look-up, and those of one key one place in it")
  func coalescing() async throws {
    _ = try await backing.database.write([put("a", "1"), put("b", "2")])
    let loop = Loop(backing)
    let tasks = await loop.start(reads: [key("a"), key("b"), key("a"), key("c"), key("b")])
    var texts: [String?] = []
    for task in tasks { texts.append(try await task.value.get().text) }
    #expect(texts == ["1", "2", "1", nil, "2"])
    #expect(lookups == [["a", "b", "c"]])
    #expect(backing.observer.events.contains(.readBatch(keys: 3, readers: 5, error: nil)))
  }

  @Test("Two look-ups may be in flight; later misses gather for the next")
  func inFlight() async throws {
    let loop = Loop(backing)
    backing.database.beforeRead.close()
    var tasks = await loop.start(reads: [key("a")])
    await backing.database.beforeRead.untilHeld(1)
    tasks += await loop.start(reads: [key("b")])
    await backing.database.beforeRead.untilHeld(2)
    tasks += await loop.start(reads: [key("c"), key("d"), key("c")])
    await loop.until(readersWaiting: 3)
    backing.database.beforeRead.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(lookups == [["a"], ["b"], ["c", "d"]])
  }

  @Test("After large values, a look-up reads fewer keys, and after small ones more again")
  func bytesMax() async throws {
    var limits = StoreLimits()
    limits.batchReadBytesMax = 4_000
    let loop = Loop(backing, limits: limits)
    let names = (0..<8).map { "large-\($0)" }
    for name in names {
      _ = try await backing.database.write([put(name, String(repeating: "v", count: 1_000))])
    }
    for _ in 0..<2 {
      let tasks = await loop.start(reads: names.map { key($0) }, isFresh: true)
      for task in tasks { _ = try await task.value.get() }
    }
    // The first look-up has shown the size.
    #expect(lookups.map(\.count) == [8, 4, 4])
    for number in 0..<30 { _ = try await loop.get(key("none-\(number)"), isFresh: true) }
    let tasks = await loop.start(reads: names.map { key($0) }, isFresh: true)
    for task in tasks { _ = try await task.value.get() }
    #expect(lookups.last?.count == 8)
  }

  @Test("A look-up has a bounded number of keys; the rest is read at once if possible")
  func keysMax() async throws {
    var limits = StoreLimits()
    limits.batchReadsMax = 2
    let loop = Loop(backing, limits: limits)
    backing.database.beforeRead.close()
    let names = ["a", "b", "c", "d", "e"]
    var tasks = await loop.start(reads: names.map { key($0) })
    await backing.database.beforeRead.untilHeld(2)
    #expect(lookups == [["a", "b"], ["c", "d"]])
    // Joins the key that waits, although other keys have been taken since.
    tasks += await loop.start(reads: [key("e"), key("f")])
    await loop.until(readersWaiting: 3)
    backing.database.beforeRead.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(lookups == [["a", "b"], ["c", "d"], ["e", "f"]])
  }

  @Test("A failing look-up fails only its own readers")
  func failure() async throws {
    var limits = StoreLimits()
    limits.readBatchesMax = 1
    let loop = Loop(backing, limits: limits)
    backing.database.beforeRead.close()
    let failing = await loop.start(reads: [key("a"), key("b"), key("a")])
    await backing.database.beforeRead.untilHeld()
    let working = await loop.start(reads: [key("a"), key("c")])
    await loop.until(readersWaiting: 2)
    backing.database.fail(with: databaseAway)
    backing.database.beforeRead.releaseFirst()
    await backing.database.beforeRead.untilHeld()
    backing.database.fail(with: nil)
    backing.database.beforeRead.open()
    for task in failing { #expect(await task.value == .failure(databaseAway)) }
    for task in working { #expect(try await task.value.get().text == nil) }
    #expect(
      backing.observer.events.contains(.readBatch(keys: 2, readers: 3, error: databaseAway)))
  }

  @Test("Beyond the bound on waiting readers, a miss is refused; a hit is not")
  func overloaded() async throws {
    var limits = StoreLimits()
    limits.readBatchesMax = 1
    limits.pendingReadsMax = 2
    let loop = Loop(backing, limits: limits)
    _ = try await loop.write(put("cached", "1"))
    backing.database.beforeRead.close()
    var tasks = await loop.start(reads: [key("a")])
    await backing.database.beforeRead.untilHeld()
    tasks += await loop.start(reads: [key("b"), key("b")])
    await loop.until(readersWaiting: 2)
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) { try await loop.get(key("b")) }
    #expect(try await loop.get(key("cached")).text == "1")
    backing.database.beforeRead.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(lookups == [["a"], ["b"]])
    #expect(backing.observer.events.contains(.refused(.read)))
  }

  @Test("Readers that are cancelled are answered once, and so are the others")
  func cancellation() async throws {
    var limits = StoreLimits()
    limits.readBatchesMax = 1
    let loop = Loop(backing, limits: limits)
    backing.database.beforeRead.close()
    let first = await loop.start(reads: [key("a"), key("b")])
    await backing.database.beforeRead.untilHeld()
    let second = await loop.start(reads: [key("c"), key("c")])
    await loop.until(readersWaiting: 2)
    for task in first + second { task.cancel() }
    backing.database.beforeRead.open()
    for task in first + second { #expect(try await task.value.get().entry == nil) }
    #expect(lookups == [["a", "b"], ["c"]])
  }

  @Test("An entry is absent from its expiry on, without a look-up")
  func expiry() async throws {
    let loop = Loop(backing)
    _ = try await loop.write(put("a", "1", timeToLive: 60))
    backing.clock.advance(microseconds: 59_999_999)
    #expect(try await loop.get(key("a")).text == "1")
    backing.clock.advance(microseconds: 1)
    #expect(try await loop.get(key("a")) == Reading(entry: nil, source: .cache))
    #expect(lookups.isEmpty)
    #expect(backing.observer.events.last == .answered(.expired))
    #expect(try await loop.get(key("a"), isFresh: true).entry == nil)
  }

  @Test("While the database is away, cached keys are served, and others get its error")
  func databaseIsAway() async throws {
    let loop = Loop(backing)
    _ = try await loop.write(put("a", "1"))
    backing.database.fail(with: databaseAway)
    #expect(try await loop.get(key("a")).text == "1")
    await #expect(throws: databaseAway) { try await loop.get(key("b")) }
    await #expect(throws: databaseAway) { try await loop.get(key("a"), isFresh: true) }
    await #expect(throws: databaseAway) { try await loop.list(PageRequest()) }
    backing.database.fail(with: nil)
    #expect(try await loop.get(key("b")).entry == nil)
  }

  @Test("A list comes from the database")
  func list() async throws {
    let loop = Loop(backing)
    for name in ["b/2", "a", "b/1"] { _ = try await loop.write(put(name)) }
    let page = try await loop.list(PageRequest(prefix: Array("b/".utf8), entriesMax: 1))
    #expect(page.items.map(\.metadata.key) == [key("b/1")])
    #expect(page.hasMore)
  }
}
