import Synchronization

/// Lets the event loops of a process commit one after the other.
///
/// A commit costs the database about as much with four writes as with thirty. Loops that commit
/// whenever they can make small batches; while one waits for its turn, its batch grows.
public final class CommitTurns: Sendable {
  private struct State {
    var isTaken = false
    /// The loops that wait. Each is resumed once: whether it has the turn.
    var waiting: [(number: UInt64, loop: CheckedContinuation<Bool, Never>)] = []
    var lastNumber: UInt64 = 0
  }

  private let state = Mutex(State())

  public init() {}

  /// Waits for the turn, but not for longer than `most`: a database that hangs must not make the
  /// loops wait in a row. True: the caller has the turn, and calls `end`.
  func begin(within most: Duration, _ clock: SteadyClock) async -> Bool {
    let isFree = state.withLock { state in
      defer { state.isTaken = true }
      return !state.isTaken
    }
    if isFree { return true }
    return await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      return await withCheckedContinuation { loop in
        let number = wait(loop)
        group.addTask { if await clock.wait(most) { self.giveUp(number) } }
      }
    }
  }

  /// Hands the turn to the loop that has waited longest.
  func end() {
    let next = state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.isTaken = false
        return CheckedContinuation<Bool, Never>?.none
      }
      return state.waiting.removeFirst().loop
    }
    next?.resume(returning: true)
  }

  private func wait(_ loop: CheckedContinuation<Bool, Never>) -> UInt64 {
    let (number, isFree) = state.withLock { state in
      state.lastNumber += 1
      let isFree = !state.isTaken
      state.isTaken = true
      if !isFree { state.waiting.append((state.lastNumber, loop)) }
      return (state.lastNumber, isFree)
    }
    if isFree { loop.resume(returning: true) }
    return number
  }

  private func giveUp(_ number: UInt64) {
    let loop = state.withLock { state in
      state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0).loop }
    }
    loop?.resume(returning: false)
  }
}
