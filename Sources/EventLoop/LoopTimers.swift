/// The timers of a loop that are set: few, so that a list does.
struct LoopTimers {
  private var timers: [LoopTimer] = []

  /// Keeps a timer that was set until it has fired or is found cancelled.
  mutating func insert(_ timer: LoopTimer) {
    if !timers.contains(where: { $0 === timer }) { timers.append(timer) }
  }

  /// Takes all timers out, so that they can be fired while others are inserted.
  mutating func takeAll() -> [LoopTimer] {
    defer { timers = [] }
    return timers
  }

  /// When the first fires; nil: none is set.
  var next: MonotonicTime? { timers.lazy.compactMap(\.deadline).min() }
}
