/// The time that passes, as a store reads it and waits by it. It never goes back, and has nothing
/// to do with the time of day. Tests and simulations have clocks of their own.
public struct SteadyClock: Sendable {
  /// The present moment.
  public let now: @Sendable () -> ContinuousClock.Instant
  /// Waits; false: the task was cancelled.
  public let wait: @Sendable (Duration) async -> Bool

  public init(
    now: @escaping @Sendable () -> ContinuousClock.Instant,
    wait: @escaping @Sendable (Duration) async -> Bool
  ) {
    self.now = now
    self.wait = wait
  }

  /// This machine's.
  public static let system = SteadyClock(
    now: { .now }, wait: { (try? await Task.sleep(for: $0)) != nil })
}
