/// Remembers what keys hold. It may forget anything at any time, but never serves what was
/// replaced.
///
/// Whoever implements it passes `CacheContract`. A cache that fails is a cache that misses: no
/// method throws, and none takes longer than 50 ms.
public protocol Cache {
  /// What is known of a key. A miss may hand out a lease, to at most one reader at a time.
  func look(up key: Key) async -> CacheAnswer

  /// Keeps what a reader loaded from the database, if its lease is still there: a write since the
  /// miss has taken it away, so that an old row can't cover a newer one.
  func fill(_ key: Key, with lookup: Lookup, lease: Lease) async

  /// Keeps what was just committed, wherever its revision is newer than what is kept.
  ///
  /// False: it is not certain that readers will see it, and the caller must stop trusting the
  /// cache.
  func update(_ updates: [CacheUpdate]) async -> Bool

  /// How full the cache is and how well it serves.
  func statistics() async -> CacheStatistics

  /// Fails unless the cache can be read and written now. Writes nothing.
  func checkHealth() async throws(StoreError)
}

extension Cache {
  /// A cache in this process has nothing that could be away.
  public func checkHealth() async throws(StoreError) {}
}

/// What a cache knows of a key.
public enum CacheAnswer: Equatable, Sendable {
  /// What the key holds; its absence can be known too. Expiry is for the caller to check.
  case hit(Lookup)
  /// Nothing; with a lease if this reader may fill it.
  case miss(Lease?)
}

/// The right to fill one key once.
public struct Lease: Equatable, Sendable {
  /// Unique among the leases of the cache.
  public let token: UInt64

  /// A lease that a cache hands out.
  public init(token: UInt64) { self.token = token }
}

/// What a key holds after a commit.
public struct CacheUpdate: Equatable, Sendable {
  /// The key.
  public let key: Key
  /// Its entry, or its tombstone's revision.
  public let lookup: Lookup

  /// An update after a commit.
  public init(key: Key, lookup: Lookup) {
    self.key = key
    self.lookup = lookup
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
  /// Look-ups answered.
  public var hits: Int
  /// Look-ups not answered.
  public var misses: Int
  /// Entries dropped to make room.
  public var evictions: Int

  /// Figures as a cache reports them.
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
