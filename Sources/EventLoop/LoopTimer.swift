internal import Basics

/// Calls a closure on the loop's thread after a time; exact to about a millisecond.
///
/// Not Sendable: it belongs to the loop it was made on. It is meant for the few connections that a
/// loop has to other servers. For client sockets use `Socket.setDeadline`.
public final class LoopTimer {
  private unowned let executor: LoopExecutor
  private let fire: () -> Void
  /// When the timer fires; nil if it is not set.
  private(set) var deadline: MonotonicTime?

  /// Makes a timer that is not set. Call it on the loop's thread.
  public init(on loop: EventLoop, fire: @escaping () -> Void) {
    executor = loop.executor
    self.fire = fire
    executor.checkIsolated()
  }

  /// Makes the timer fire once, `duration` from now, instead of when it was set to fire before.
  public func set(after duration: Duration) {
    deadline = MonotonicTime.now().adding(duration)
    executor.add(self)
  }

  /// Unsets the timer.
  public func cancel() { deadline = nil }

  /// Fires if the timer is due. Returns whether it is set afterwards.
  func check(at now: MonotonicTime) -> Bool {
    guard let deadline else { return false }
    guard deadline <= now else { return true }
    self.deadline = nil
    fire()
    return self.deadline != nil
  }
}

extension EventLoop {
  /// Waits on the loop. A cancelled task waits too: this is for work that other tasks depend on.
  /// Call it on the loop's thread.
  public nonisolated func pause(for duration: Duration) async {
    guard duration > .zero else { return await Task.yield() }
    await withCheckedContinuation { continuation in
      LoopTimer(on: self) { continuation.resume() }.set(after: duration)
    }
  }
}

/// The timers of a loop that are set. They are few, so a list is enough.
struct LoopTimers {
  private var timers: [LoopTimer] = []

  /// Keeps a timer until it has fired or is found unset.
  mutating func insert(_ timer: LoopTimer) {
    if !timers.contains(where: { $0 === timer }) { timers.append(timer) }
  }

  /// Removes and returns all timers, so that others can be inserted while these fire.
  mutating func takeAll() -> [LoopTimer] {
    defer { timers = [] }
    return timers
  }

  /// When the first timer fires; nil if none is set.
  var next: MonotonicTime? { timers.lazy.compactMap(\.deadline).min() }
}
