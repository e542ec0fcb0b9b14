public import KeyValueStore

/// A cache in this process: the entries used last, bounded in bytes.
///
/// Shared by all event loops; its shards have a lock each, which nobody holds for longer than it
/// takes to copy a reference. No method suspends.
public final class EmbeddedCache: Cache, Sendable {
  private let shards: [CacheShard]
  private let bytesMax: Int

  /// The least bytes of a shard, so that an entry of 1 MiB finds room among others.
  private static let shardBytesMin = 4 << 20
  /// Enough for two cores to seldom meet.
  private static let shardsMax = 16
  /// Most leases that are out at a time; a miss beyond them gets none.
  private static let leasesMax = 16_384

  /// A cache of at most `bytesMax` bytes. A lease ends after `leaseSeconds`, so that a reader that
  /// never came back does not keep others from filling; `now` tells when that is.
  public init(
    bytesMax: Int, leaseSeconds: Int64 = 5, now: @escaping WallClock = { .systemTime() }
  ) {
    self.bytesMax = bytesMax
    // What was written before the cache began may have been replaced before it began, too.
    let floor = Revision(now().microseconds - 1)
    let count = max(
      1, min(EmbeddedCache.shardsMax, bytesMax / EmbeddedCache.shardBytesMin))
    shards = (0..<count).map { index in
      CacheShard(
        EntryList(
          bytesMax: bytesMax / count, leasesMax: EmbeddedCache.leasesMax / count,
          leaseMicroseconds: leaseSeconds * 1_000_000, floor: floor,
          // Tokens are unique among all shards.
          firstToken: UInt64(index), tokenStep: UInt64(count)),
        now: now)
    }
  }

  /// See `Cache`.
  public func look(up key: Key) async -> CacheAnswer {
    let key = HashedKey(key)
    return shard(of: key).look(up: key)
  }

  /// See `Cache`.
  public func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    let key = HashedKey(key)
    shard(of: key).fill(key, with: lookup, lease: lease)
  }

  /// See `Cache`. Always true.
  public func update(_ updates: [CacheUpdate]) async -> Bool {
    for update in updates {
      let key = HashedKey(update.key)
      if let lookup = update.lookup {
        shard(of: key).update(key, to: lookup)
      } else {
        shard(of: key).forget(key, before: update.revision)
      }
    }
    return true
  }

  /// See `Cache`.
  public func statistics() async -> CacheStatistics {
    var sum = CacheStatistics(
      keys: 0, keysMax: nil, bytes: 0, bytesMax: bytesMax, hits: 0, misses: 0, evictions: 0)
    for shard in shards { shard.add(to: &sum) }
    return sum
  }

  private func shard(of key: HashedKey) -> CacheShard {
    // The high half: the table of the shard uses the low bits.
    shards[Int(UInt32(truncatingIfNeeded: key.hash >> 32)) % shards.count]
  }
}
