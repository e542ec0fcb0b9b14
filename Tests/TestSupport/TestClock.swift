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
