import Synchronization

/// Lets the event loops of a process commit one after the other.
///
/// A commit costs the database about as much with four writes as with thirty. Loops that commit
/// whenever they can make small batches; while one waits for its turn, its batch grows.
///
/// No loop waits for several commits that take long: at the end of one, all that have waited for
/// longer than `StoreLimits.turnMost` go ahead. There is no timer for that, because one for each
/// commit would cost more than the turns save.
public final class CommitTurns: Sendable {
  /// A loop that waits. It is resumed once: whether it has the turn.
  private struct Waiter {
    let id: ObjectIdentifier
    let since: ContinuousClock.Instant
    let loop: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var isTaken = false
    var waiting: [Waiter] = []
  }

  private let state = Mutex(State())

  public init() {}

  /// Loops that wait, for tests that wait for them.
  var waiting: Int { state.withLock { $0.waiting.count } }

  /// Waits for the turn. True: the caller has it, and calls `end`. False: it goes ahead without.
  func begin(_ id: ObjectIdentifier, at now: ContinuousClock.Instant) async -> Bool {
    await withCheckedContinuation { loop in
      let isFree = state.withLock { state in
        defer { state.isTaken = true }
        if state.isTaken { state.waiting.append(Waiter(id: id, since: now, loop: loop)) }
        return !state.isTaken
      }
      if isFree { loop.resume(returning: true) }
    }
  }

  /// Has the caller of `begin` go ahead without the turn, if it still waits.
  func giveUp(_ id: ObjectIdentifier) {
    let waiter = state.withLock { state in
      state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0) }
    }
    waiter?.loop.resume(returning: false)
  }

  /// Hands the turn to the loop that has waited longest, but for those that have waited for longer
  /// than `most`.
  func end(at now: ContinuousClock.Instant, most: Duration) {
    let (late, next) = state.withLock { state in
      let late = state.waiting.prefix { now - $0.since > most }
      state.waiting.removeFirst(late.count)
      let next = state.waiting.first
      if next != nil { state.waiting.removeFirst() }
      state.isTaken = next != nil
      return (late, next)
    }
    for waiter in late { waiter.loop.resume(returning: false) }
    next?.loop.resume(returning: true)
  }
}
