import KeyValueStore
import StoreContracts
import Testing

@Suite("A removal deletes the keys under a prefix, commit by commit", .timeLimit(.minutes(1)))
struct RemovingTests {
  let backing = Backing()

  private func fill(_ count: Int) async throws {
    _ = try await backing.database.write((0..<count).map { put("k\(1_000 + $0)") })
  }

  private var limits: StoreLimits {
    var limits = StoreLimits()
    limits.removalWritesMax = 10
    return limits
  }

  @Test("Each delete has a revision, an event, and a tombstone in the cache")
  func ordinary() async throws {
    let loop = Loop(backing, limits: limits)
    try await fill(25)
    _ = try await backing.database.write([put("other")])
    let removal = try await loop.remove(prefix: "k", limit: 1_000)
    #expect(removal == Removal(count: 25, next: nil))
    #expect(backing.database.calls.writes.dropFirst(2).map(\.count) == [10, 10, 5])
    let changes = backing.feed.publications.joined()
    #expect(changes.map(\.key) == (0..<25).map { key("k\(1_000 + $0)") })
    for change in changes {
      #expect(change.kind == .delete)
      #expect(backing.cache.memory.kept(change.key) == .absent(change.revision))
    }
    #expect(try await loop.get(key("other")).entry != nil)
  }

  @Test("It ends at its limit, and says whether there are more")
  func limit() async throws {
    let loop = Loop(backing, limits: limits)
    try await fill(25)
    #expect(
      try await loop.remove(prefix: "k", limit: 12)
        == Removal(count: 12, next: .after(key("k1011"))))
    #expect(try await loop.remove(prefix: "k", limit: 13) == Removal(count: 13, next: nil))
    #expect(try await loop.remove(prefix: "k", limit: 13) == Removal(count: 0, next: nil))
  }

  @Test("It goes on where the one before has ended")
  func position() async throws {
    let loop = Loop(backing, limits: limits)
    try await fill(25)
    let first = try await loop.remove(prefix: "k", limit: 10)
    // Behind the position, and before it.
    for name in ["k1009x", "k1000"] { _ = try await loop.write(put(name)) }
    #expect(
      try await loop.remove(prefix: "k", after: first.next, limit: 100)
        == Removal(count: 16, next: nil))
    #expect(backing.database.calls.lists.map(\.after)[1] == first.next)
    #expect(try await loop.get(key("k1000")).entry != nil)
  }

  @Test("A key that could not be deleted is where the next one begins")
  func left() async throws {
    let loop = Loop(backing, limits: limits)
    try await fill(25)
    let held: Set = [key("k1013"), key("k1017")]
    backing.database.hold(held)
    backing.database.holdFromPatient(held)
    let removal = try await loop.remove(prefix: "k", limit: 100)
    #expect(removal == Removal(count: 18, next: .from(key("k1013"))))
    await #expect(throws: StoreError.tooSlow(cause: "another transaction writes it")) {
      try await loop.remove(prefix: "k1013", after: removal.next, limit: 100)
    }
    backing.database.holdFromPatient([])
    #expect(
      try await loop.remove(prefix: "k", after: removal.next, limit: 100)
        == Removal(count: 7, next: nil))
  }

  @Test("It begins no commit when its time is over")
  func time() async throws {
    var limits = limits
    limits.removalTime = .zero
    let loop = Loop(backing, limits: limits)
    try await fill(25)
    #expect(
      try await loop.remove(prefix: "k", limit: 100)
        == Removal(count: 10, next: .after(key("k1009"))))
  }

  @Test("Keys that another transaction is writing are deleted patiently, and the others at once")
  func held() async throws {
    let loop = Loop(backing, limits: limits)
    try await fill(25)
    backing.database.hold([key("k1003"), key("k1004")])
    #expect(try await loop.remove(prefix: "k", limit: 100) == Removal(count: 25, next: nil))
    #expect(backing.database.calls.isPatient.filter { $0 }.count == 1)
  }

  @Test("A key that is gone when its turn comes does not count")
  func goneMeanwhile() async throws {
    let loop = Loop(backing, limits: limits)
    try await fill(5)
    backing.database.beforeWrite.close()
    let removal = Task { try await loop.remove(prefix: "k", limit: 100) }
    await backing.database.beforeWrite.untilHeld()
    let other = Task { await backing.database.write(each: [delete("k1002")], isPatient: false) }
    await backing.database.beforeWrite.untilHeld(2)
    backing.database.beforeWrite.releaseLast()
    _ = await other.value
    backing.database.beforeWrite.open()
    #expect(try await removal.value == Removal(count: 4, next: nil))
  }

  @Test("After an error it returns what was deleted; the error only if nothing was")
  func failure() async throws {
    let loop = Loop(backing, limits: limits)
    try await fill(25)
    backing.database.beforeWrite.close()
    let removal = Task { try await loop.remove(prefix: "k", limit: 100) }
    await backing.database.beforeWrite.untilHeld()
    backing.database.beforeWrite.releaseFirst()
    await backing.database.beforeWrite.untilHeld()
    backing.database.fail(with: databaseAway)
    backing.database.beforeWrite.open()
    #expect(try await removal.value == Removal(count: 10, next: .after(key("k1009"))))
    await #expect(throws: databaseAway) { try await loop.remove(prefix: "k", limit: 100) }
    backing.database.fail(with: nil)
    backing.database.loseOutcomes(1)
    let second = await #expect(throws: StoreError.self) {
      try await loop.remove(prefix: "k", limit: 5)
    }
    #expect(second == .outcomeUnknown(cause: "the test has lost it"))
    // They were deleted all the same, and are not counted again.
    #expect(try await loop.remove(prefix: "k", limit: 100) == Removal(count: 10, next: nil))
  }

  @Test("Beyond the bound on removals, one more is refused")
  func overloaded() async throws {
    var limits = limits
    limits.removalsMax = 1
    let loop = Loop(backing, limits: limits)
    try await fill(5)
    backing.database.beforeWrite.close()
    let removal = Task { try await loop.remove(prefix: "k", limit: 100) }
    await backing.database.beforeWrite.untilHeld()
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) {
      try await loop.remove(prefix: "k", limit: 100)
    }
    #expect(backing.observer.events.contains(.refused(.batch)))
    backing.database.beforeWrite.open()
    #expect(try await removal.value == Removal(count: 5, next: nil))
  }
}
