/// The pause before another round of all brokers: longer from round to round, and never the same
/// for two processes that lost the same broker.
struct Backoff {
  private var round = 0

  /// The longest pause.
  static let longest = Duration.seconds(5)

  /// The next pause.
  mutating func next(random: inout some RandomNumberGenerator) -> Duration {
    let full = min(Backoff.longest, .milliseconds(100) * (1 << min(round, 10)))
    round += 1
    return full * Double.random(in: 0.5...1, using: &random)
  }

  /// It works again.
  mutating func reset() { round = 0 }
}
