internal import Dispatch

/// Nanoseconds of a clock that never goes back: what deadlines are kept in.
struct MonotonicTime: Comparable {
  let nanoseconds: UInt64

  static func now() -> MonotonicTime {
    MonotonicTime(nanoseconds: DispatchTime.now().uptimeNanoseconds)
  }

  /// Later than every deadline.
  static let distantFuture = MonotonicTime(nanoseconds: .max)

  /// This point for a duration that is over already.
  func adding(_ duration: Duration) -> MonotonicTime {
    let (seconds, attoseconds) = max(duration, .zero).components
    let added = UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    return MonotonicTime(nanoseconds: nanoseconds + added)
  }

  /// Zero when `later` has passed.
  func duration(to later: MonotonicTime) -> Duration {
    later <= self ? .zero : .nanoseconds(Int64(clamping: later.nanoseconds - nanoseconds))
  }

  static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}
