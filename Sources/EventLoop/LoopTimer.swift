/// Calls a closure on the loop's thread when its time has come; exact to about a millisecond.
///
/// Not Sendable: it belongs to the loop it was made on. Meant for the few connections that a loop
/// has to other servers; the deadlines of client sockets are `Socket.setDeadline`'s.
public final class LoopTimer {
  private unowned let executor: LoopExecutor
  private let fire: () -> Void
  /// When it fires; nil: it is not set.
  private(set) var deadline: MonotonicTime?

  /// Makes a timer that is not set. Call it on the loop's thread.
  public init(on loop: EventLoop, fire: @escaping () -> Void) {
    executor = loop.executor
    self.fire = fire
    executor.checkIsolated()
  }

  /// Whether it will fire.
  public var isSet: Bool { deadline != nil }

  /// Sets it, or sets it anew, to fire once, `duration` from now.
  public func set(after duration: Duration) {
    deadline = MonotonicTime.now().adding(duration)
    executor.add(self)
  }

  /// Makes it not fire.
  public func cancel() { deadline = nil }

  /// Fires if it is due; says whether it is still set.
  func check(at now: MonotonicTime) -> Bool {
    guard let deadline else { return false }
    guard deadline <= now else { return true }
    self.deadline = nil
    fire()
    return self.deadline != nil
  }
}

extension EventLoop {
  /// Waits on the loop, also when its task is cancelled: for work that others depend on. Call it on
  /// the loop's thread.
  public nonisolated func pause(for duration: Duration) async {
    guard duration > .zero else { return await Task.yield() }
    await withCheckedContinuation { continuation in
      LoopTimer(on: self) { continuation.resume() }.set(after: duration)
    }
  }
}
