internal import Foundation
internal import KeyValueStore

/// The time of day by the system's clock.
enum ClusterClock {
  /// Microseconds since 1970.
  static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(
      microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }
}
