public import KeyValueStore
internal import Synchronization

/// A time of day that stands still until a test moves it.
public final class TestClock: Sendable {
  private let microseconds: Atomic<Int64>

  /// A clock that shows a moment of 2023, or what a test needs.
  public init(_ start: Timestamp = Timestamp(microseconds: 1_700_000_000_000_000)) {
    microseconds = Atomic(start.microseconds)
  }

  public var now: Timestamp { Timestamp(microseconds: microseconds.load(ordering: .relaxed)) }

  public func advance(microseconds by: Int64) { microseconds.wrappingAdd(by, ordering: .relaxed) }

  public func advance(seconds: Int64) { advance(microseconds: seconds * 1_000_000) }
}

/// A steady clock that moves only when a test says so, or something waits by it: a wait is over at
/// once, and has taken its time.
public final class TestSteadyClock: Sendable {
  private let passed = Mutex(Duration.zero)
  private let start = ContinuousClock.now

  public init() {}

  public var now: ContinuousClock.Instant { start + passed.withLock { $0 } }

  public func advance(by duration: Duration) { passed.withLock { $0 += duration } }

  /// What a store is given.
  public var clock: SteadyClock {
    SteadyClock(
      now: { self.now },
      wait: { duration in
        self.advance(by: duration)
        await Task.yield()
        return !Task.isCancelled
      })
  }
}
