import KeyValueStore
import Simulation
import Synchronization

/// A cache as the port describes it, without a bound: it forgets only when a test says so.
final class InMemoryCache: Cache, Sendable {
  private struct State {
    var space = CacheSpace(floor: .none)
    var lastToken: UInt64 = 0
    var hits = 0
    var misses = 0

    mutating func count(_ lookup: Lookup?) {
      if lookup == nil { misses += 1 } else { hits += 1 }
    }
  }

  private let state = Mutex(State())
  /// Leases end only when a test says so.
  private static let time = Timestamp(microseconds: 0)

  func find(_ key: Key) async -> CacheAnswer {
    state.withLock { state in
      let lookup = state.space.lookup(key)
      state.count(lookup)
      if let lookup { return .hit(lookup) }
      state.lastToken += 1
      let lease = Lease(token: state.lastToken)
      let isGranted = state.space.lease(key, token: lease.token, at: Self.time, lifetime: 1)
      return .miss(isGranted ? lease : nil)
    }
  }

  func peek(_ keys: [Key]) async -> [Lookup?] {
    state.withLock { state in
      keys.map { key in
        let lookup = state.space.lookup(key)
        state.count(lookup)
        return lookup
      }
    }
  }

  func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    state.withLock { $0.space.fill(key, with: lookup, token: lease.token, at: Self.time) }
  }

  func update(_ updates: [CacheUpdate]) async -> Bool {
    state.withLock { state in
      for update in updates { state.space.update(update) }
    }
    return true
  }

  func statistics() async -> CacheStatistics {
    state.withLock { state in
      let bytes = state.space.entries.reduce(0) { bytes, key in
        bytes + key.bytes.count + (state.space.lookup(key)?.entry?.value.count ?? 0)
      }
      return CacheStatistics(
        keys: state.space.count, keysMax: nil, bytes: bytes, bytesMax: nil, hits: state.hits,
        misses: state.misses, evictions: state.space.evictions)
    }
  }

  /// Evicts a key, as if to make room.
  func evict(_ key: Key) { state.withLock { $0.space.evict(key) } }

  /// Evicts every key, as if to make room.
  func evictAll() {
    state.withLock { state in
      for key in state.space.entries { state.space.evict(key) }
    }
  }

  /// Ends every lease, as time does.
  func endLeases() { state.withLock { $0.space.endLeases() } }

  /// What is kept of a key, without counting as a look-up or taking a lease.
  func kept(_ key: Key) -> Lookup? { state.withLock { $0.space.lookup(key) } }
}
