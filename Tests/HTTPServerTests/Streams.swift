import HTTP
import Synchronization

/// What a test learns of the streams that its server has sent.
final class Streams: Sendable {
  /// Whether the handler's own work runs.
  let running = Atomic<Bool>(false)
  private let state = Mutex(State())

  private struct State {
    var endings: [BodyStream.Ending?] = []
    var waiters: [(count: Int, waiter: CheckedContinuation<Void, Never>)] = []
  }

  var isRunning: Bool { running.load(ordering: .relaxed) }

  /// How streams have ended, in that order; nil: by themselves.
  var endings: [BodyStream.Ending?] { state.withLock { $0.endings } }

  func ended(_ ending: BodyStream.Ending?) {
    let due = state.withLock { state in
      state.endings.append(ending)
      let count = state.endings.count
      defer { state.waiters.removeAll { $0.count <= count } }
      return state.waiters.filter { $0.count <= count }
    }
    for (_, waiter) in due { waiter.resume() }
  }

  /// Returns once `count` streams have ended.
  func awaitEnds(_ count: Int) async {
    await withCheckedContinuation { waiter in
      let isDue = state.withLock { state in
        if state.endings.count >= count { return true }
        state.waiters.append((count, waiter))
        return false
      }
      if isDue { waiter.resume() }
    }
  }
}
