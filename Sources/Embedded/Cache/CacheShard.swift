import KeyValueStore
import Synchronization

/// A part of the cache, with its lock.
final class CacheShard: Sendable {
  private let list: Mutex<EntryList>
  private let now: WallClock

  init(_ list: consuming sending EntryList, now: @escaping WallClock) {
    self.list = Mutex(list)
    self.now = now
  }

  func look(up key: HashedKey) -> CacheAnswer {
    list.withLock { list in
      if let lookup = list.use(key) { return .hit(lookup) }
      return .miss(list.lease(key, at: now()))
    }
  }

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
