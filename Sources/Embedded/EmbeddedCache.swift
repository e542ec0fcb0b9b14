public import KeyValueStore
internal import Synchronization

/// A cache in this process: the most recently used entries, bounded in bytes.
///
/// All event loops share it. Each of its shards has a lock, which is held only for as long as it
/// takes to copy a reference. No method suspends.
public final class EmbeddedCache: Cache, Sendable {
  private let shards: [CacheShard]
  private let bytesMax: Int

  /// The least size of a shard, in bytes, so that it has room for an entry of 1 MiB and others.
  private static let shardBytesMin = 4 << 20
  /// Enough shards that two cores seldom need the same one.
  private static let shardsMax = 16
  /// Most leases at a time; a miss beyond them gets none.
  private static let leasesMax = 16_384

  /// A cache of at most `bytesMax` bytes. A lease ends `leaseSeconds` later by the clock `now`, so
  /// that a reader that never returns does not prevent others from filling.
  public init(
    bytesMax: Int, leaseSeconds: Int64 = 5, now: @escaping WallClock = { .systemTime() }
  ) {
    self.bytesMax = bytesMax
    // An entry written before the cache began may have been replaced before it began, too.
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

  public func find(_ key: Key) async -> CacheAnswer {
    let key = HashedKey(key)
    return shard(of: key).find(key)
  }

  public func peek(_ keys: [Key]) async -> [Lookup?] {
    keys.map { key in
      let key = HashedKey(key)
      return shard(of: key).peek(key)
    }
  }

  public func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    let key = HashedKey(key)
    shard(of: key).fill(key, with: lookup, lease: lease)
  }

  /// Always returns true.
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

  public func statistics() async -> CacheStatistics {
    var sum = CacheStatistics(
      keys: 0, keysMax: nil, bytes: 0, bytesMax: bytesMax, hits: 0, misses: 0, evictions: 0)
    for shard in shards { shard.add(to: &sum) }
    return sum
  }

  private func shard(of key: HashedKey) -> CacheShard {
    // The high half, because the table of the shard uses the low bits.
    shards[Int(UInt32(truncatingIfNeeded: key.hash >> 32)) % shards.count]
  }
}

/// A part of the cache, with its lock.
private final class CacheShard: Sendable {
  private let list: Mutex<EntryList>
  private let now: WallClock

  init(_ list: consuming sending EntryList, now: @escaping WallClock) {
    self.list = Mutex(list)
    self.now = now
  }

  func find(_ key: HashedKey) -> CacheAnswer {
    list.withLock { list in
      if let lookup = list.use(key) { return .hit(lookup) }
      return .miss(list.lease(key, at: now()))
    }
  }

  func peek(_ key: HashedKey) -> Lookup? { list.withLock { $0.use(key) } }

  func fill(_ key: HashedKey, with lookup: Lookup, lease: Lease) {
    list.withLock { $0.fill(key, with: lookup, lease: lease) }
  }

  func update(_ key: HashedKey, to lookup: Lookup) {
    list.withLock { $0.update(key, to: lookup) }
  }

  func forget(_ key: HashedKey, before revision: Revision) {
    list.withLock { $0.forget(key, before: revision) }
  }

  func add(to sum: inout CacheStatistics) {
    let part = list.withLock { $0.statistics }
    sum.keys += part.keys
    sum.bytes += part.bytes
    sum.hits += part.hits
    sum.misses += part.misses
    sum.evictions += part.evictions
  }
}
