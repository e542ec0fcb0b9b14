/// The pauses between attempts: from `first` doubling up to `longest`, each with jitter, so that
/// processes that lost the same server do not come back in step.
package struct Backoff: Sendable {
  private let first: Duration
  private let longest: Duration
  private var step: Duration

  /// Both bounds are longer than zero, and `first` is not longer than `longest`.
  package init(first: Duration, longest: Duration) {
    precondition(first > .zero && first <= longest, "0 < first <= longest")
    self.first = first
    self.longest = longest
    step = first
  }

  /// The next pause, between half of the step and all of it.
  package mutating func next() -> Duration {
    var random = SystemRandomNumberGenerator()
    return next(using: &random)
  }

  /// The next pause, with the jitter of `random`.
  package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
    defer { step = min(step * 2, longest) }
    return step * Double.random(in: 0.5...1, using: &random)
  }

  /// An attempt succeeded: the next pause is short again.
  package mutating func reset() { step = first }
}
