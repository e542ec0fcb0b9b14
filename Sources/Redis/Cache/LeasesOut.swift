internal import KeyValueStore

/// The keys of which this loop's readers hold leases, roughly: Redis counts a lease as a key, but
/// it is no entry.
struct LeasesOut {
  private var ends: [Key: Uptime] = [:]
  private let lifetime: Duration
  /// When to look for leases that have ended, at the earliest: looking takes a while.
  private var nextSweep = Uptime.distantPast
  private static let keysMax = 4_096

  init(lifetime: Duration) { self.lifetime = lifetime }

  mutating func insert(_ key: Key, at now: Uptime) {
    if ends.count >= Self.keysMax, nextSweep <= now {
      ends = ends.filter { now < $0.value }
      nextSweep = now.adding(.seconds(1))
    }
    if ends.count < Self.keysMax { ends[key] = now.adding(lifetime) }
  }

  mutating func remove(_ key: Key) {
    if !ends.isEmpty { ends[key] = nil }
  }

  mutating func count(at now: Uptime) -> Int {
    ends = ends.filter { now < $0.value }
    return ends.count
  }
}
