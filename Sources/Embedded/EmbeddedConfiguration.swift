public import KeyValueStore

/// How a single node keeps its data. Every field has a default that suits a small machine.
public struct EmbeddedConfiguration: Sendable {
  /// Folder of the database, made with mode 0700 if it is missing.
  public var dataFolder = "./data"
  /// Threads that read, each with a connection of its own; at least 1.
  public var readers = 2
  /// Most calls that may wait for the writer; one more is refused as overloaded.
  public var queuedWritesMax = 4_096
  /// Most bytes of keys and values that may wait for the writer; a first call alone may exceed it.
  public var queuedWriteBytesMax = 64 << 20
  /// Most calls that may wait for a reader; one more is refused as overloaded.
  public var queuedReadsMax = 4_096
  /// Most bytes of keys and values in one commit, so that nobody waits for more than this.
  public var commitBytesMax = 16 << 20
  /// Pages of 4 KiB in the write-ahead log from which on it is copied into the database: 16 MiB.
  ///
  /// Measured with 100-byte values: at SQLite's own 1,000 each row costs 15 % more CPU, as a page
  /// that is written often is copied more often; beyond 4,000 nothing is won, and a copy takes
  /// longer.
  public var checkpointPages = 4_000
  /// Page cache of the writer and of each reader, in bytes; memory is taken as it is used.
  public var pageCacheBytes = 8 << 20
  /// How long tombstones, operations and idempotency keys are kept, in seconds: 24 h.
  public var retentionSeconds: Int64 = 86_400
  /// Most bytes that cached entries take, their bookkeeping included.
  public var cacheBytesMax = 64 << 20
  /// Most changes that are kept for watchers who come back or are slow.
  public var feedEventsMax = 65_536
  /// Most bytes that these changes take.
  public var feedBytesMax = 16 << 20
  /// The clock by which revisions are given and entries expire.
  public var now: WallClock = { Timestamp.systemTime() }
  /// Most pages that the database may grow to; nil: as far as the disk goes. Set by tests that
  /// need a disk to be full.
  var pagesMax: Int?

  /// The defaults.
  public init() {}
}
