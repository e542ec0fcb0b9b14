import Foundation
import Synchronization

/// Threads that somebody may wait for.
final class DatabaseThreads: Sendable {
  private let state = Mutex(State())

  private struct State {
    var running = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  /// Big enough for SQLite, whose statements need little.
  private static let stackBytes = 512 << 10

  /// Starts a thread that runs `body` and ends with it.
  func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.running += 1 }
    let thread = Thread { [self] in
      // Before its start a thread has no name to the system (`ps -T`, profilers).
      Thread.current.name = name
      body()
      end()
    }
    thread.stackSize = DatabaseThreads.stackBytes
    thread.start()
  }

  /// Returns when all threads have ended that were started.
  func ended() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.running > 0 { state.waiting.append(continuation) }
        return state.running == 0
      }
      if isOver { continuation.resume() }
    }
  }

  private func end() {
    let waiting = state.withLock { state in
      state.running -= 1
      guard state.running == 0 else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}
