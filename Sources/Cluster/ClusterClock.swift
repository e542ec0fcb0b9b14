internal import Basics
internal import KeyValueStore
internal import Postgres

/// The time of day in a cluster: that of the database, by which revisions, acceptances and expiries
/// are compared. This machine's clock may be wrong by hours.
enum ClusterClock {
  /// The clock of a database as one loop's connections know it. Until they have reached the
  /// database for the first time, it is the system's.
  static func of(_ database: PostgresDatabase) -> WallClock {
    { database.clock ?? Timestamp(microseconds: SystemTime.microseconds()) }
  }
}
