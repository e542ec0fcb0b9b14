import Synchronization

/// Holds calls until a test lets them go: interleavings are forced, never slept for. Open at first.
final class Gate: Sendable {
  private struct State {
    var isOpen = true
    var held: [CheckedContinuation<Void, Never>] = []
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    mutating func takeWatchers() -> [CheckedContinuation<Void, Never>] {
      let ready = watchers.filter { $0.count <= held.count }.map(\.continuation)
      watchers.removeAll { $0.count <= held.count }
      return ready
    }
  }

  private let state = Mutex(State())

  /// How many calls are held now.
  var heldCount: Int { state.withLock { $0.held.count } }

  /// From now on calls are held.
  func close() {
    state.withLock { $0.isOpen = false }
  }

  /// Lets all held calls go, and all that come.
  func open() {
    let held = state.withLock { state in
      state.isOpen = true
      defer { state.held = [] }
      return state.held
    }
    for continuation in held { continuation.resume() }
  }

  /// Lets the call go that has been held longest; the gate stays closed.
  func releaseFirst() {
    state.withLock { $0.held.removeFirst() }.resume()
  }

  /// Lets the call go that has been held shortest; the gate stays closed.
  func releaseLast() {
    state.withLock { $0.held.removeLast() }.resume()
  }

  /// Called by what the gate holds up.
  func pass() async {
    await withCheckedContinuation { continuation in
      let ready: [CheckedContinuation<Void, Never>] = state.withLock { state in
        if state.isOpen { return [continuation] }
        state.held.append(continuation)
        return state.takeWatchers()
      }
      for waiter in ready { waiter.resume() }
    }
  }

  /// Returns once `count` calls are held.
  func untilHeld(_ count: Int = 1) async {
    await withCheckedContinuation { continuation in
      let ready = state.withLock { state in
        state.watchers.append((count, continuation))
        return state.takeWatchers()
      }
      for waiter in ready { waiter.resume() }
    }
  }
}
