internal import Basics
public import KeyValueStore

/// How a single node keeps its data. Every field has a default that suits a small machine.
public struct EmbeddedConfiguration: Sendable {
  /// Folder of the database, created with mode 0700 if it is missing.
  public var dataFolder = "./data"
  /// Threads that read, each with a connection of its own; at least 1.
  public var readers = 2
  /// Most calls that may wait for the writer; others are refused as overloaded.
  public var queuedWritesMax = 4_096
  /// Most bytes of keys and values that may wait for the writer; a first call alone may exceed it.
  public var queuedWriteBytesMax = 64 << 20
  /// Most calls that may wait for a reader; others are refused as overloaded.
  public var queuedReadsMax = 4_096
  /// Most bytes of keys and values in one commit. It bounds the time that a call waits.
  public var commitBytesMax = 16 << 20
  /// The length of the write-ahead log, in pages of 4 KiB, at which it is copied into the database:
  /// 16 MiB.
  ///
  /// Measured with 100-byte values: with SQLite's default of 1,000, each row costs 15 % more CPU,
  /// because a page that is written often is copied more often. More than 4,000 saves nothing, and
  /// a copy takes longer.
  public var checkpointPages = 4_000
  /// Page cache of the writer and of each reader, in bytes. SQLite allocates it as it is used.
  public var pageCacheBytes = 8 << 20
  /// How long tombstones, operations and idempotency keys are kept, in seconds: 24 h.
  public var retentionSeconds: Int64 = 86_400
  /// Most bytes of cached entries, with the cache's own data about them.
  public var cacheBytesMax = 64 << 20
  /// Most changes that are kept for watchers that reconnect or are slow.
  public var feedEventsMax = 65_536
  /// Most bytes of these changes.
  public var feedBytesMax = 16 << 20
  /// For how long a list reads over deleted and expired entries before its page ends.
  public var listTime = Duration.seconds(1)
  /// The clock of revisions and expiry.
  public var now: WallClock = { .systemTime() }
  /// Most pages of the database; nil: only the disk bounds it. Set by tests that need a full disk.
  var pagesMax: Int?

  public init() {}
}

extension Timestamp {
  /// The time of day, by this machine's clock.
  public static func systemTime() -> Timestamp {
    Timestamp(microseconds: SystemTime.microseconds())
  }
}
