/// Remembers what keys hold. It may forget anything at any time, but never serves what was
/// replaced.
///
/// Every implementation passes `CacheContract`. A cache that fails is a cache that misses: no
/// method throws, and none takes longer than 50 ms.
public protocol Cache {
  /// What is known of a key. A miss may hand out a lease, to at most one reader at a time.
  func find(_ key: Key) async -> CacheAnswer

  /// What is known of each key, in the order of `keys`; nil: nothing. It hands out no leases: for
  /// readers of many keys, who leave it to others to fill the cache. They ask for no more at a time
  /// than about 1 MiB of values.
  func peek(_ keys: [Key]) async -> [Lookup?]

  /// Keeps what a reader loaded from the database, if its lease is still there: a write since the
  /// miss has taken it away, so that an old row can't replace a newer one.
  func fill(_ key: Key, with lookup: Lookup, lease: Lease) async

  /// Keeps what was just committed, wherever its revision is newer than what is kept, and takes the
  /// lease away.
  ///
  /// Updates of one key may come out of order: the older one even after the newer one was evicted,
  /// or was lost with an earlier instance of the cache. The older one must not be kept then. As
  /// revisions are times, it is enough to remember the newest revision that was evicted, initially
  /// the time when the cache began, and to keep nothing older of a key that is not in the cache.
  ///
  /// An update without a look-up evicts what is older than its revision. Nothing older is kept
  /// afterwards.
  ///
  /// False: readers may not see the update, and the caller must stop trusting the cache.
  func update(_ updates: [CacheUpdate]) async -> Bool

  /// Whether this process has repaired the cache since `update` returned false for these updates:
  /// no reader can get what was there before.
  func hasRepaired(_ updates: [CacheUpdate]) async -> Bool

  func statistics() async -> CacheStatistics

  /// Throws unless the cache can be read and written now. Writes nothing.
  func checkHealth() async throws(StoreError)
}

extension Cache {
  /// A cache in this process is always available.
  public func checkHealth() async throws(StoreError) {}

  /// A cache in this process never fails an update.
  public func hasRepaired(_ updates: [CacheUpdate]) async -> Bool { true }
}

/// What a cache knows of a key.
public enum CacheAnswer: Equatable, Sendable {
  /// What the key holds; its absence can be known, too. The caller checks the expiry.
  case hit(Lookup)
  /// Nothing. With a lease, this reader may fill the key.
  case miss(Lease?)
}

/// The right to fill one key once.
public struct Lease: Equatable, Sendable {
  /// Unique among the leases of the cache.
  public let token: UInt64

  public init(token: UInt64) { self.token = token }
}

/// News of one key for a cache.
public struct CacheUpdate: Equatable, Sendable {
  public let key: Key
  /// The key's entry, or its tombstone's revision; nil: unknown, but nothing older than `revision`
  /// may be served any more.
  public let lookup: Lookup?
  /// The least revision that the key has now.
  public let revision: Revision

  /// The key holds `lookup` after a commit.
  public init(key: Key, lookup: Lookup) {
    self.key = key
    self.lookup = lookup
    revision = lookup.revision
  }

  /// The key was written with `revision`, and perhaps again since.
  public init(key: Key, outdatedBefore revision: Revision) {
    self.key = key
    lookup = nil
    self.revision = revision
  }
}

/// How full a cache is and how well it serves.
public struct CacheStatistics: Equatable, Sendable {
  /// Entries kept now.
  public var keys: Int
  /// The most entries it may keep; nil: bounded in bytes only.
  public var keysMax: Int?
  /// Bytes used now.
  public var bytes: Int
  /// The most bytes it may use; nil: unbounded.
  public var bytesMax: Int?
  public var hits: Int
  public var misses: Int
  /// Entries evicted to make room.
  public var evictions: Int

  public init(
    keys: Int, keysMax: Int?, bytes: Int, bytesMax: Int?, hits: Int, misses: Int, evictions: Int
  ) {
    self.keys = keys
    self.keysMax = keysMax
    self.bytes = bytes
    self.bytesMax = bytesMax
    self.hits = hits
    self.misses = misses
    self.evictions = evictions
  }
}
