internal import Basics
internal import KeyValueStore
internal import Postgres

/// The time of day in a cluster: that of the database, by which revisions, acceptances and expiries
/// are compared. This machine's clock may be wrong by hours.
enum ClusterClock {
  /// The clock of a database as one loop's connections know it. Until they have reached it for the
  /// first time, the system's has to do.
  static func of(_ database: PostgresDatabase) -> WallClock {
    { database.clock ?? Timestamp(microseconds: SystemTime.microseconds()) }
  }
}
