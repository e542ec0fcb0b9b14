import KeyValueStore
import TestSupport
import Testing

@Suite("The loops of a process take turns to commit", .timeLimit(.minutes(1)))
struct CommitTurnsTests {
  let backing = Backing()
  let turns = CommitTurns()

  private var gate: Gate { backing.database.beforeWrite }

  private var batches: [[String]] {
    backing.database.calls.writes.map { $0.map(\.key.text) }
  }

  /// Turns that take as long as they take, unless `change` says otherwise.
  private func loop(_ change: (inout StoreLimits) -> Void = { _ in }) -> Loop {
    var limits = StoreLimits()
    limits.turnMost = .seconds(600)
    change(&limits)
    return Loop(backing, turns: turns, limits: limits)
  }

  @Test("While one commits, the writes of another gather")
  func gathering() async throws {
    let (first, second) = (loop(), loop())
    gate.close()
    var tasks = await first.start(writes: [put("a")])
    await gate.untilHeld()
    tasks += await second.start(writes: [put("b")])
    await second.until(writesWaiting: 1)
    tasks += await second.start(writes: [put("c")])
    await second.until(writesWaiting: 2)
    #expect(gate.heldCount == 1)
    gate.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(batches == [["a"], ["b", "c"]])
  }

  @Test("The turn goes to the one that has waited longest, and is free in the end")
  func order() async throws {
    let loops = [loop(), loop(), loop()]
    gate.close()
    var tasks: [Task<Result<WriteReceipt, StoreError>, Never>] = []
    for (loop, name) in zip(loops, ["a", "b", "c"]) {
      tasks += await loop.start(writes: [put(name)])
      if name == "a" { await gate.untilHeld() } else { await loop.until(writesWaiting: 1) }
    }
    for _ in loops {
      await gate.untilHeld()
      #expect(gate.heldCount == 1)
      gate.releaseFirst()
    }
    for task in tasks { _ = try await task.value.get() }
    gate.open()
    _ = try await loops[0].write(put("d"))
    #expect(batches == [["a"], ["b"], ["c"], ["d"]])
  }

  @Test("A batch that is large enough does not wait")
  func large() async throws {
    let (first, second) = (loop(), loop { $0.turnWrites = 2 })
    gate.close()
    var tasks = await first.start(writes: [put("a")])
    await gate.untilHeld()
    tasks += await second.start(writes: [put("b"), put("c")])
    await gate.untilHeld(2)
    gate.open()
    for task in tasks { _ = try await task.value.get() }
  }

  @Test("A commit that takes too long does not hold the others back")
  func slow() async throws {
    let (first, second) = (loop(), loop { $0.turnMost = .zero })
    gate.close()
    var tasks = await first.start(writes: [put("a")])
    await gate.untilHeld()
    tasks += await second.start(writes: [put("b")])
    await gate.untilHeld(2)
    // The second has no turn to end: the third waits for the first.
    let third = loop()
    tasks += await third.start(writes: [put("c")])
    await third.until(writesWaiting: 1)
    gate.releaseLast()
    _ = try await tasks[1].value.get()
    await third.until(writesWaiting: 1)
    gate.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(batches.last == ["c"])
  }
}
