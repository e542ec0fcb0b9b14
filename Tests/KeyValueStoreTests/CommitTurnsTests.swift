import TestSupport
import Testing

@testable import KeyValueStore

@Suite("The loops of a process take turns to commit", .timeLimit(.minutes(1)))
struct CommitTurnsTests {
  let backing = Backing()
  let turns = CommitTurns()

  private var gate: Gate { backing.database.beforeWrite }

  private var batches: [[String]] {
    backing.database.calls.writes.map { $0.map(\.key.text) }
  }

  /// A loop that waits for as long as it takes, unless `change` says otherwise.
  private func loop(_ change: (inout StoreLimits) -> Void = { _ in }) -> Loop {
    var limits = StoreLimits()
    limits.turnMost = .seconds(600)
    change(&limits)
    return Loop(backing, turns: turns, limits: limits)
  }

  /// Returns once so many loops wait for their turn.
  private func untilWaiting(_ count: Int) async {
    while turns.waiting != count { await Task.yield() }
  }

  @Test("While one commits, the writes of another gather")
  func gathering() async throws {
    let (first, second) = (loop(), loop())
    gate.close()
    var tasks = await first.start(writes: [put("a")])
    await gate.untilHeld()
    tasks += await second.start(writes: [put("b")])
    await untilWaiting(1)
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
      if name == "a" { await gate.untilHeld() } else { await untilWaiting(name == "b" ? 1 : 2) }
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

  @Test("A batch that is large enough does not wait, nor one that becomes so")
  func large() async throws {
    let (first, second) = (loop(), loop { $0.turnWrites = 2 })
    gate.close()
    var tasks = await first.start(writes: [put("a")])
    await gate.untilHeld()
    tasks += await second.start(writes: [put("b"), put("c")])
    await gate.untilHeld(2)
    let third = loop { $0.turnWrites = 2 }
    tasks += await third.start(writes: [put("d")])
    await untilWaiting(1)
    #expect(gate.heldCount == 2)
    tasks += await third.start(writes: [put("e")])
    await gate.untilHeld(3)
    gate.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(batches == [["a"], ["b", "c"], ["d", "e"]])
  }

  @Test("While a commit takes too long, the next write lets its loop go ahead")
  func hurry() async throws {
    let (first, second) = (loop(), loop { $0.turnMost = .zero })
    gate.close()
    var tasks = await first.start(writes: [put("a")])
    await gate.untilHeld()
    tasks += await second.start(writes: [put("b")])
    await untilWaiting(1)
    tasks += await second.start(writes: [put("c")])
    await gate.untilHeld(2)
    // The second has no turn to end: the third waits for the first.
    let third = loop()
    tasks += await third.start(writes: [put("d")])
    await untilWaiting(1)
    gate.releaseLast()
    _ = try await tasks[1].value.get()
    #expect(turns.waiting == 1)
    gate.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(batches == [["a"], ["b", "c"], ["d"]])
  }

  @Test("After a commit that took too long, all that waited go ahead at once")
  func late() async throws {
    let loops = (0..<3).map { _ in loop { $0.turnMost = .zero } }
    gate.close()
    var tasks: [Task<Result<WriteReceipt, StoreError>, Never>] = []
    for (loop, name) in zip(loops, ["a", "b", "c"]) {
      tasks += await loop.start(writes: [put(name)])
      if name == "a" { await gate.untilHeld() }
    }
    await untilWaiting(2)
    gate.releaseFirst()
    await gate.untilHeld(2)
    gate.open()
    for task in tasks { _ = try await task.value.get() }
    // Nobody has the turn now.
    _ = try await loops[1].write(put("d"))
    #expect(batches.count == 4)
  }
}
