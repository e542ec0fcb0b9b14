internal import Basics
internal import Synchronization

/// How many requests a second a token may send: a token bucket that holds one second's requests.
///
/// The bucket is a single number: when it will be full again (the "generic cell rate algorithm" of
/// ITU-T I.371, Annex A). So it needs no timer, and all loops share it without a lock: a request of
/// any loop takes its place with one atomic exchange, in the order in which they come. A loop can't
/// hold a share that it does not use, and a client's connections may all be on one loop.
final class RequestRate: Sendable {
  /// The rates that can be set.
  static let allowed = 1...1_000_000

  private static let second: UInt64 = 1_000_000_000

  let perSecond: Int
  /// The time that refills what one request takes, in nanoseconds. Rounded down: a bucket never
  /// holds less than a second's requests.
  private let interval: UInt64
  /// In nanoseconds of `MonotonicTime`; in the past: the bucket is full.
  private let fullAt: Atomic<UInt64>

  /// Starts with a full bucket, or, if the rate of a token changes, with one as full as `earlier`.
  init(perSecond: Int, following earlier: RequestRate? = nil) {
    precondition(Self.allowed.contains(perSecond), "\(perSecond) requests/s")
    self.perSecond = perSecond
    interval = Self.second / UInt64(perSecond)
    fullAt = Atomic(earlier?.fullAt.load(ordering: .relaxed) ?? 0)
  }

  /// Takes one request's place; false: the bucket is empty. Any thread may call it.
  ///
  /// A refused request takes nothing: a client that goes on asking gets its rate, not less. After
  /// a refusal there is a place within `1 / perSecond`, so within a second.
  func admits(at now: MonotonicTime) -> Bool {
    var known = fullAt.load(ordering: .relaxed)
    while true {
      let next = max(known, now.nanoseconds) + interval
      guard next <= now.nanoseconds + Self.second else { return false }
      let exchange = fullAt.weakCompareExchange(expected: known, desired: next, ordering: .relaxed)
      if exchange.exchanged { return true }
      known = exchange.original
    }
  }
}
