internal import Dispatch

/// A reading of a clock that never goes back, in nanoseconds: deadlines are kept in it. It has half
/// the size of `ContinuousClock.Instant`.
package struct MonotonicTime: Comparable, Sendable {
  package let nanoseconds: UInt64

  package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  package static func now() -> MonotonicTime {
    MonotonicTime(nanoseconds: DispatchTime.now().uptimeNanoseconds)
  }

  /// Earlier than every reading.
  package static let distantPast = MonotonicTime(nanoseconds: 0)
  /// Later than every deadline.
  package static let distantFuture = MonotonicTime(nanoseconds: .max)

  /// The reading after `duration`; this one if the duration is negative.
  package func adding(_ duration: Duration) -> MonotonicTime {
    MonotonicTime(nanoseconds: nanoseconds &+ UInt64(max(0, duration.nanoseconds)))
  }

  /// Zero when `later` has passed.
  package func duration(to later: MonotonicTime) -> Duration {
    later <= self ? .zero : .nanoseconds(Int64(clamping: later.nanoseconds - nanoseconds))
  }

  package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

extension Duration {
  /// Whole nanoseconds, rounded towards zero. Durations here are far below the 292 years that fit.
  package var nanoseconds: Int64 {
    components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
  }

  /// Whole microseconds, rounded towards zero.
  package var microseconds: Int64 { nanoseconds / 1_000 }

  /// Whole milliseconds, rounded towards zero.
  package var milliseconds: Int64 { nanoseconds / 1_000_000 }

  /// Whole milliseconds, rounded up: a timer set to them does not fire early. Zero if negative.
  package var millisecondsRoundedUp: Int64 { max(0, (nanoseconds + 999_999) / 1_000_000) }

  /// Seconds with their fraction.
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
