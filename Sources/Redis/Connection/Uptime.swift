internal import Dispatch

/// A clock in this process that never goes back, in nanoseconds.
struct Uptime: Comparable, Sendable {
  let nanoseconds: UInt64

  static func now() -> Uptime { Uptime(nanoseconds: DispatchTime.now().uptimeNanoseconds) }

  static let distantPast = Uptime(nanoseconds: 0)
  static let distantFuture = Uptime(nanoseconds: .max)

  func adding(_ duration: Duration) -> Uptime {
    Uptime(nanoseconds: nanoseconds &+ UInt64(max(0, duration.nanoseconds)))
  }

  /// Zero when `later` has passed.
  func duration(to later: Uptime) -> Duration {
    later <= self ? .zero : .nanoseconds(Int64(clamping: later.nanoseconds - nanoseconds))
  }

  static func < (left: Uptime, right: Uptime) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Duration {
  /// Whole nanoseconds, rounded down.
  var nanoseconds: Int64 {
    components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
  }

  /// Whole milliseconds, rounded down.
  var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
