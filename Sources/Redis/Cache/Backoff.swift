/// How long to wait before the next attempt to connect: ever longer, and never in step with others.
struct Backoff {
  private static let least = Duration.milliseconds(50)
  private static let most = Duration.milliseconds(500)
  private var next = Backoff.least

  /// An attempt was successful.
  mutating func reset() { next = Self.least }

  /// The pause after a failed attempt: half of it by chance.
  mutating func pause(after failure: ConnectionFailure) -> Duration {
    switch failure {
    case .superseded, .closed: return .zero
    // It has waited long enough, and the Redis that hangs must be repaired once it goes on.
    case .timedOut: return .milliseconds(Int64.random(in: 0...20))
    case .broken, .refused:
      let limit = next
      next = min(next * 2, Self.most)
      return limit / 2 + .nanoseconds(Int64.random(in: 0...(limit / 2).nanoseconds))
    }
  }
}
