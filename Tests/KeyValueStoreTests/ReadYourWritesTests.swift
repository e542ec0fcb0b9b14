import KeyValueStore
import StoreContracts
import TestSupport
import Testing

/// Orders of readers' and writers' steps in which an old value could win.
@Suite("You read your writes", .timeLimit(.minutes(1)))
struct ReadYourWritesTests {
  let backing = Backing()

  @Test(
    "A reader that loaded the old value can't put it back over a write", arguments: [false, true])
  func lateFill(isEvicted: Bool) async throws {
    _ = try await backing.database.write([put("a", "old")])
    let loop = Loop(backing)
    backing.database.afterRead.close()
    let readers = await loop.start(reads: [key("a")])
    await backing.database.afterRead.untilHeld()
    _ = try await loop.write(put("a", "new"))
    if isEvicted { backing.cache.memory.evict(key("a")) }
    backing.database.afterRead.open()
    // The read began before the write was acknowledged: both answers are right for it.
    #expect(try await readers[0].value.get().text == "old")
    #expect(backing.cache.memory.kept(key("a"))?.text == (isEvicted ? nil : "new"))
    #expect(try await loop.get(key("a")).text == "new")
  }

  @Test("A fill that is delayed until after a write is not accepted", arguments: [false, true])
  func heldFill(isEvicted: Bool) async throws {
    _ = try await backing.database.write([put("a", "old")])
    let loop = Loop(backing)
    backing.cache.beforeFill.close()
    let readers = await loop.start(reads: [key("a")])
    await backing.cache.beforeFill.untilHeld()
    _ = try await loop.write(put("a", "new"))
    if isEvicted { backing.cache.memory.evict(key("a")) }
    backing.cache.beforeFill.open()
    _ = try await readers[0].value.get()
    #expect(try await loop.get(key("a")).text == "new")
  }

  @Test("A fill between a commit and its cache update is replaced by the update")
  func fillBeforeUpdate() async throws {
    _ = try await backing.database.write([put("a", "old")])
    let loop = Loop(backing)
    backing.database.afterRead.close()
    let readers = await loop.start(reads: [key("a")])
    await backing.database.afterRead.untilHeld()
    backing.cache.beforeUpdate.close()
    let writers = await loop.start(writes: [put("a", "new")])
    await backing.cache.beforeUpdate.untilHeld()
    backing.database.afterRead.open()
    _ = try await readers[0].value.get()
    #expect(backing.cache.memory.kept(key("a"))?.text == "old")
    backing.cache.beforeUpdate.open()
    _ = try await writers[0].value.get()
    #expect(try await loop.get(key("a")).text == "new")
  }

  @Test(
    "A read after a write does not join a look-up that began before it", arguments: [false, true])
  func noJoiningInFlight(isFresh: Bool) async throws {
    _ = try await backing.database.write([put("a", "old")])
    let loop = Loop(backing)
    backing.database.afterRead.close()
    let early = await loop.start(reads: [key("a")], isFresh: isFresh)
    await backing.database.afterRead.untilHeld(1)
    _ = try await loop.write(put("a", "new"))
    backing.cache.memory.evict(key("a"))
    let late = await loop.start(reads: [key("a")], isFresh: isFresh)
    await backing.database.afterRead.untilHeld(2)
    backing.database.afterRead.open()
    #expect(try await early[0].value.get().text == "old")
    #expect(try await late[0].value.get().text == "new")
    #expect(backing.database.calls.reads == [[key("a")], [key("a")]])
  }

  @Test("A write on one loop is seen by the others")
  func otherLoop() async throws {
    let writer = Loop(backing)
    let reader = Loop(backing)
    #expect(try await reader.get(key("a")).entry == nil)
    _ = try await writer.write(put("a", "new"))
    #expect(try await reader.get(key("a")).text == "new")
  }

  @Test("A fresh read uses the database and does not change the cache")
  func fresh() async throws {
    let loop = Loop(backing)
    _ = try await loop.write(put("a", "cached"))
    backing.clock.advance(seconds: 1)
    _ = try await backing.database.write([put("a", "behind the cache")])
    let fresh = try await loop.get(key("a"), isFresh: true)
    #expect(fresh.text == "behind the cache" && fresh.source == .database)
    #expect(try await loop.get(key("a")).text == "cached")
    let answers = backing.observer.events.filter { if case .answered = $0 { true } else { false } }
    #expect(answers == [.answered(.hit)])
  }

  @Test("A fresh read that is delayed after its look-up does not replace a newer write")
  func freshIsLate() async throws {
    _ = try await backing.database.write([put("a", "old")])
    let loop = Loop(backing)
    backing.database.afterRead.close()
    let readers = await loop.start(reads: [key("a")], isFresh: true)
    await backing.database.afterRead.untilHeld()
    _ = try await loop.write(put("a", "new"))
    backing.cache.memory.evict(key("a"))
    backing.database.afterRead.open()
    #expect(try await readers[0].value.get().text == "old")
    #expect(try await loop.get(key("a")).text == "new")
  }
}
