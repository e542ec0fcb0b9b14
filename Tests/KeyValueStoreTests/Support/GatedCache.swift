import KeyValueStore
import Synchronization

/// A cache whose updates and fills a test holds or makes fail.
final class GatedCache: Cache, Sendable {
  let memory = InMemoryCache()
  /// Held before an update.
  let beforeUpdate = Gate()
  /// Held before a fill.
  let beforeFill = Gate()
  private let recorded = Mutex<[[CacheUpdate]]>([])
  private let isFailing = Atomic(false)

  var updates: [[CacheUpdate]] { recorded.withLock { $0 } }

  /// Every update reports failure from now on, and the health check throws.
  func fail() { isFailing.store(true, ordering: .relaxed) }

  func look(up key: Key) async -> CacheAnswer { await memory.look(up: key) }

  func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    await beforeFill.pass()
    await memory.fill(key, with: lookup, lease: lease)
  }

  func update(_ updates: [CacheUpdate]) async -> Bool {
    recorded.withLock { $0.append(updates) }
    await beforeUpdate.pass()
    if isFailing.load(ordering: .relaxed) { return false }
    return await memory.update(updates)
  }

  func statistics() async -> CacheStatistics { await memory.statistics() }

  func checkHealth() async throws(StoreError) {
    if isFailing.load(ordering: .relaxed) { throw .unavailable(cause: "no cache", retryAfter: 1) }
  }
}
