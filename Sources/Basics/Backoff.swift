/// The pauses between attempts. They double from `first` up to `longest`. Each has jitter, so that
/// processes that lost the same server do not come back in step.
package struct Backoff: Sendable {
  private let first: Duration
  private let longest: Duration
  private var step: Duration

  /// Both bounds must be longer than zero, and `first` must not be longer than `longest`.
  package init(first: Duration, longest: Duration) {
    precondition(first > .zero && first <= longest, "0 < first <= longest")
    self.first = first
    self.longest = longest
    step = first
  }

  /// The next pause: at least half of the current step, and at most all of it.
  package mutating func next() -> Duration {
    var random = SystemRandomNumberGenerator()
    return next(using: &random)
  }

  /// The next pause, with jitter from `random`.
  package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
    defer { step = min(step * 2, longest) }
    return step * Double.random(in: 0.5...1, using: &random)
  }

  /// Call it after an attempt that succeeded: the next pause is short again.
  package mutating func reset() { step = first }
}
