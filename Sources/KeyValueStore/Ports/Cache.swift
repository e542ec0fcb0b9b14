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

  /// Keeps what was just committed, wherever its revision is newer than what is kept, and takes the
  /// lease away.
  ///
  /// Updates of one key may come out of order, the older one even after the newer was dropped to
  /// make room, or by a cache that is no more. It must not be kept then: as revisions are times, it
  /// is enough to remember the newest revision that was dropped, at first that of the cache's
  /// beginning, and to keep nothing older of a key that is not there.
  ///
  /// An update without a look-up drops what is older than its revision; nothing older is kept
  /// afterwards.
  ///
  /// False: it is not certain that readers will see it, and the caller must stop trusting the
  /// cache.
  func update(_ updates: [CacheUpdate]) async -> Bool

  /// Whether this process has repaired the cache since an `update` of these was answered by false:
  /// nobody can read any more what was there before.
  func hasRepaired(_ updates: [CacheUpdate]) async -> Bool

  /// How full the cache is and how well it serves.
  func statistics() async -> CacheStatistics

  /// Fails unless the cache can be read and written now. Writes nothing.
  func checkHealth() async throws(StoreError)
}

extension Cache {
  /// A cache in this process has nothing that could be away.
  public func checkHealth() async throws(StoreError) {}

  /// No update of it fails.
  public func hasRepaired(_ updates: [CacheUpdate]) async -> Bool { true }
}
