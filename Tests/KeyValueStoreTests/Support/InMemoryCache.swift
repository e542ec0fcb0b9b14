import KeyValueStore
import Synchronization

/// A cache as the port describes it, without a bound: it forgets only when a test says so.
final class InMemoryCache: Cache, Sendable {
  private struct State {
    var lookups: [Key: Lookup] = [:]
    var leases: [Key: UInt64] = [:]
    var lastToken: UInt64 = 0
    /// The newest revision that was evicted: nothing older of a missing key may be kept.
    var floor = Revision.none
    var hits = 0
    var misses = 0
    var evictions = 0
  }

  private let state = Mutex(State())

  func find(_ key: Key) async -> CacheAnswer {
    state.withLock { state in
      if let lookup = state.lookups[key] {
        state.hits += 1
        return .hit(lookup)
      }
      state.misses += 1
      if state.leases[key] != nil { return .miss(nil) }
      state.lastToken += 1
      state.leases[key] = state.lastToken
      return .miss(Lease(token: state.lastToken))
    }
  }

  func peek(_ keys: [Key]) async -> [Lookup?] {
    state.withLock { state in
      let lookups = keys.map { state.lookups[$0] }
      let hits = lookups.count { $0 != nil }
      state.hits += hits
      state.misses += keys.count - hits
      return lookups
    }
  }

  func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    state.withLock { state in
      guard state.leases[key] == lease.token else { return }
      state.leases[key] = nil
      state.lookups[key] = lookup
    }
  }

  func update(_ updates: [CacheUpdate]) async -> Bool {
    state.withLock { state in
      for update in updates {
        state.leases[update.key] = nil
        let kept = state.lookups[update.key]?.revision ?? state.floor
        guard kept < update.revision else { continue }
        state.lookups[update.key] = update.lookup
        if update.lookup == nil { state.floor = max(state.floor, update.revision) }
      }
    }
    return true
  }

  func statistics() async -> CacheStatistics {
    state.withLock { state in
      let bytes = state.lookups.reduce(0) {
        $0 + $1.key.bytes.count + ($1.value.entry?.value.count ?? 0)
      }
      return CacheStatistics(
        keys: state.lookups.count, keysMax: nil, bytes: bytes, bytesMax: nil,
        hits: state.hits, misses: state.misses, evictions: state.evictions)
    }
  }

  /// Evicts a key, as if to make room.
  func evict(_ key: Key) {
    state.withLock { state in
      guard let dropped = state.lookups.removeValue(forKey: key) else { return }
      state.floor = max(state.floor, dropped.revision)
      state.evictions += 1
    }
  }

  /// Evicts every key, as if to make room.
  func evictAll() {
    for key in state.withLock({ Array($0.lookups.keys) }) { evict(key) }
  }

  /// Ends every lease, as time does.
  func endLeases() {
    state.withLock { $0.leases = [:] }
  }

  /// What is kept of a key, without counting as a look-up or taking a lease.
  func kept(_ key: Key) -> Lookup? {
    state.withLock { $0.lookups[key] }
  }
}
