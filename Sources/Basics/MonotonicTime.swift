internal import Dispatch

/// A reading of a clock that never goes back, in nanoseconds. Deadlines are kept in it: it has half
/// the size of `ContinuousClock.Instant`.
package struct MonotonicTime: Comparable, Sendable {
  package let nanoseconds: UInt64

  @inlinable
  package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  package static func now() -> MonotonicTime {
    MonotonicTime(nanoseconds: DispatchTime.now().uptimeNanoseconds)
  }

  /// Earlier than every reading.
  @inlinable
  package static var distantPast: MonotonicTime { MonotonicTime(nanoseconds: 0) }

  /// Later than every deadline.
  @inlinable
  package static var distantFuture: MonotonicTime { MonotonicTime(nanoseconds: .max) }

  /// The reading after `duration`; this reading if `duration` is negative.
  @inlinable
  package func adding(_ duration: Duration) -> MonotonicTime {
    MonotonicTime(nanoseconds: nanoseconds &+ UInt64(max(0, duration.nanoseconds)))
  }

  /// The time that is left until `later`; zero once `later` has passed.
  @inlinable
  package func duration(to later: MonotonicTime) -> Duration {
    later <= self ? .zero : .nanoseconds(Int64(clamping: later.nanoseconds - nanoseconds))
  }

  @inlinable
  package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

extension Duration {
  /// Whole nanoseconds, rounded towards zero. The duration must be shorter than 292 years.
  @inlinable
  package var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  /// Whole microseconds, rounded towards zero.
  @inlinable
  package var microseconds: Int64 { nanoseconds / 1_000 }

  /// Whole milliseconds, rounded towards zero.
  @inlinable
  package var milliseconds: Int64 { nanoseconds / 1_000_000 }

  /// Whole milliseconds, rounded up, so that a timer set to them does not fire early. Zero if the
  /// duration is negative.
  @inlinable
  package var millisecondsRoundedUp: Int64 { max(0, (nanoseconds + 999_999) / 1_000_000) }

  /// Seconds with their fraction.
  @inlinable
  package var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
