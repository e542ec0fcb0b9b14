/// How long to wait before the next attempt: none before the first, then from 50 ms doubling up to
/// 1 s, each with jitter, so that processes do not come back all at once.
struct Backoff {
  private var step = Duration.zero

  /// The next wait, between half of the step and all of it.
  mutating func next() -> Duration {
    defer { step = step == .zero ? .milliseconds(50) : min(step * 2, .seconds(1)) }
    return step * Double.random(in: 0.5...1)
  }
}

/// The attempts of one call.
struct Retrying {
  private let end: ContinuousClock.Instant
  private var backoff = Backoff()

  /// Attempts begin within `duration` from now.
  init(within duration: Duration) { end = .now + duration }

  /// How long to wait before the next attempt; nil: there is no time for one.
  mutating func next() -> Duration? { ContinuousClock.now < end ? backoff.next() : nil }
}
