internal import Foundation
internal import KeyValueStore
internal import Postgres

/// The time of day in a cluster: that of the database, by which revisions, acceptances and expiries
/// are compared. This machine's clock may be wrong by hours.
enum ClusterClock {
  /// The clock of a database as one loop's connections know it. Until they have reached it for the
  /// first time, the system's has to do.
  static func of(_ database: PostgresDatabase) -> WallClock {
    { database.clock ?? systemTime() }
  }

  private static func systemTime() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(
      microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }
}
