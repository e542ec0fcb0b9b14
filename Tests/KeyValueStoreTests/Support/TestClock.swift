import KeyValueStore
import Synchronization

/// A time of day that stands still until a test moves it.
final class TestClock: Sendable {
  private let microseconds = Atomic<Int64>(1_700_000_000_000_000)

  var now: Timestamp { Timestamp(microseconds: microseconds.load(ordering: .relaxed)) }

  func advance(microseconds by: Int64) { microseconds.wrappingAdd(by, ordering: .relaxed) }

  func advance(seconds: Int64) { advance(microseconds: seconds * 1_000_000) }
}
