/// Finds sockets whose deadline has passed by looking at all of them now and then.
///
/// One sweep for a loop instead of a timer for each connection: setting a deadline, which every
/// request does several times, is a store; the sweep over 10,000 sockets takes well under a
/// millisecond.
struct DeadlineSweep {
  /// No two sweeps are closer than this, so a deadline is noticed at most this late.
  static let resolution = Duration.milliseconds(100)

  private var next = MonotonicTime.distantFuture
  private var last = MonotonicTime(nanoseconds: 0)

  /// Makes sure that a sweep follows `deadline`.
  mutating func include(_ deadline: MonotonicTime) {
    if deadline < next { next = max(deadline, last.adding(Self.resolution)) }
  }

  /// How long the loop may wait for events; nil: for ever.
  func wait(at now: MonotonicTime) -> Duration? {
    if next == .distantFuture { return nil }
    return now.duration(to: next)
  }

  /// Expires what is due, and notes the earliest deadline of the rest.
  mutating func sweep(at now: MonotonicTime, sockets: SocketTable) {
    guard next <= now else { return }
    var earliest = MonotonicTime.distantFuture
    sockets.forEach { socket in
      guard let deadline = socket.deadline else { return }
      if deadline <= now { socket.expire() } else { earliest = min(earliest, deadline) }
    }
    last = now
    next = .distantFuture
    include(earliest)
  }
}
