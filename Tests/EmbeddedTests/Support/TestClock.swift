import KeyValueStore
import Synchronization

/// A clock that a test moves.
final class TestClock: Sendable {
  private let microseconds: Atomic<Int64>

  init(start: Int64 = 1_700_000_000_000_000) { microseconds = Atomic(start) }

  var now: Timestamp { Timestamp(microseconds: microseconds.load(ordering: .relaxed)) }

  func advance(seconds: Int64) {
    microseconds.add(seconds * 1_000_000, ordering: .relaxed)
  }
}
