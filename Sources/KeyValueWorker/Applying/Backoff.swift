/// How long to wait before the next try: from 50 ms, doubling up to 1 s, each with jitter, so that
/// workers do not come back all at once.
struct Backoff {
  private var step = Duration.milliseconds(50)
  /// Whether nothing was waited for yet.
  private(set) var isFirst = true

  /// The next wait, between half of the step and all of it.
  mutating func next() -> Duration {
    defer { step = min(step * 2, .seconds(1)) }
    isFirst = false
    return step * Double.random(in: 0.5...1)
  }
}
