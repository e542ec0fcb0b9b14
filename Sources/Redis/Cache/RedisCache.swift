internal import Basics
public import EventLoop
public import KeyValueStore
public import Logging
internal import Observability

/// The cache of one event loop: entries in the Redis of a `RedisMaster`.
///
/// A Redis that fails is bypassed: reads miss at once and without a lease, updates fail at once.
/// What is read from Redis can be relied on because
///
/// - every key begins with the *generation*: the run id of its master and the number of its reign.
///   A promoted replica knows none of the keys, nor does a master that has restarted;
/// - updates leave only what is newer (`CacheScript`), also when entries are dropped (`DropWatch`);
/// - a key whose update failed is not read by this process until it is repaired (`FailedUpdates`),
///   and the write is not acknowledged before this process (`waitForRepair`) or another one
///   (`CacheRepairs`) has repaired it;
/// - a master counts as one only as long as a majority of the Sentinels says so, and a new one only
///   once no process can trust the previous one any more (`RedisMaster.previousVotesExpire`);
/// - in each session reads stay off for a while, until the other processes have repaired what they
///   could not update (`RedisConfiguration.quarantine`).
///
/// Tests/Model checks these rules with any order of events.
///
/// Call its methods on its loop: elsewhere they cost two hops.
public actor RedisCache: Cache {
  public nonisolated let loop: EventLoop
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  let configuration: RedisConfiguration
  let master: RedisMaster
  let metrics: RedisMetrics
  let logger: Logger
  let now: WallClock

  /// The connection that is open or being made.
  var connection: RedisConnection?
  /// Set while Redis can be used.
  var session: RedisSession?
  var backoff = Backoff(
    first: .milliseconds(50), longest: RedisConfiguration.reconnectPauseMax)
  var attempts = 0
  /// Why Redis is bypassed, as last logged; nil: it is in use.
  var reportedCause: String?
  /// When this node last knew that its updates reach all readers.
  var lastTrust = MonotonicTime.now()
  private var leases: GrantedLeases
  private var lastStatistics: CacheStatistics

  /// A cache on `loop`, which works while `run()` runs. It compares revisions with the clock `now`,
  /// which must be close to the database's.
  public init(
    _ configuration: RedisConfiguration, master: RedisMaster, loop: EventLoop,
    metrics: RedisMetrics, logger: Logger, now: @escaping WallClock
  ) {
    self.configuration = configuration
    self.master = master
    self.loop = loop
    self.metrics = metrics
    self.logger = logger
    self.now = now
    leases = GrantedLeases(lifetime: configuration.leaseTime)
    lastStatistics = CacheStatistics(
      keys: 0, keysMax: nil, bytes: 0, bytesMax: nil, hits: 0, misses: 0, evictions: 0)
    master.register(metrics)
    metrics.loops.add(1)
  }

  // MARK: Cache

  /// See `Cache`.
  public func find(_ key: Key) async -> CacheAnswer {
    guard let session = session(reading: key) else {
      metrics.misses.add()
      metrics.bypassed.add()
      return .miss(nil)
    }
    var state = await session.read(key)
    var token: UInt64 = 0
    if case .vacant = state, self.session(reading: key) === session {
      // The reader has to ask the database anyway: another round trip to Redis matters little.
      token = UInt64.random(in: 1 ... .max)
      state = await session.lease(key, token: token)
    }
    switch state {
    case .known(let lookup):
      metrics.hits.add()
      return .hit(lookup)
    case .leased where token != 0:
      metrics.misses.add()
      leases.insert(key, at: session.connection.now)
      return .miss(Lease(token: token))
    case .leased, .vacant, .unavailable, .failed:
      metrics.misses.add()
      return .miss(nil)
    }
  }

  /// See `Cache`. One command reads all keys.
  public func peek(_ keys: [Key]) async -> [Lookup?] {
    let readable = keys.indices.filter { session(reading: keys[$0]) != nil }
    metrics.bypassed.add(keys.count - readable.count)
    var lookups = [Lookup?](repeating: nil, count: keys.count)
    if let session, !readable.isEmpty {
      let states = await session.read(readable.map { keys[$0] })
      for (place, state) in zip(readable, states) {
        if case .known(let lookup) = state { lookups[place] = lookup }
      }
    }
    let hits = lookups.count { $0 != nil }
    metrics.hits.add(hits)
    metrics.misses.add(keys.count - hits)
    return lookups
  }

  /// See `Cache`. Does not wait for Redis.
  public func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    leases.remove(key)
    session(reading: key)?.fill(key, with: lookup, token: lease.token)
  }

  /// See `Cache`.
  public func update(_ updates: [CacheUpdate]) async -> Bool {
    if updates.isEmpty { return true }
    for update in updates { leases.remove(update.key) }
    if let session {
      // Sent even while the master is uncertain to this node: it may be certain to others.
      let outcome = await session.update(updates)
      if outcome == .kept { await waitUntilUndisputed(session) }
      if outcome == .kept, isUndisputed(session) {
        lastTrust = session.connection.now
        return true
      }
    }
    master.failures.insert(updates)
    return await waitForRepair(of: updates)
  }

  /// See `Cache`. Any loop of the process may have repaired it.
  public func hasRepaired(_ updates: [CacheUpdate]) async -> Bool {
    !master.failures.containsAny(of: updates)
  }

  /// See `Cache`. Asks Redis; while Redis is away, its figures are the last known ones.
  public func statistics() async -> CacheStatistics {
    if let session { await refreshStatistics(session) }
    let reads = master.reads
    lastStatistics.hits = reads.hits
    lastStatistics.misses = reads.misses
    return lastStatistics
  }

  /// See `Cache`.
  public func checkHealth() async throws(StoreError) {
    try await checkUpdates()
    guard let session, session.readsFrom <= .now() else {
      throw .unavailable(cause: "Redis: it is not read yet", retryAfter: 1)
    }
  }

  /// Throws unless the cache can be updated now. It may be too early to read it.
  public func checkUpdates() async throws(StoreError) {
    guard let session else {
      throw .unavailable(cause: "Redis: \(reportedCause ?? "not connected yet")", retryAfter: 1)
    }
    guard isCurrent(session) else {
      throw .unavailable(cause: "Redis: \(Self.noMajority)", retryAfter: 1)
    }
    guard isUndisputed(session) else {
      throw .unavailable(cause: "Redis: it has just become the master", retryAfter: 1)
    }
    guard case .string = await session.connection.call("PING") else {
      throw .unavailable(cause: "Redis: it does not answer", retryAfter: 1)
    }
  }

  static let noMajority = "no majority of the Sentinels tells where it is"

  // MARK: Trust

  /// The session, if what it says of `key` can be relied on.
  private func session(reading key: Key) -> RedisSession? {
    guard let session, session.connection.isOpen else { return nil }
    let now = session.connection.now
    guard session.readsFrom <= now, master.isCertain(at: now), session.version == master.version,
      !master.failures.contains(key)
    else { return nil }
    return session
  }

  /// Whether the session's Redis is certain to be the master.
  func isCurrent(_ session: RedisSession) -> Bool {
    session.connection.isOpen && master.isCertain(at: .now())
      && session.version == master.version
  }

  /// Whether it is, and no process can trust the previous master any more.
  func isUndisputed(_ session: RedisSession) -> Bool {
    isCurrent(session) && master.previousVotesExpire <= .now()
  }

  private func refreshStatistics(_ session: RedisSession) async {
    guard let evictions = await session.observe(now: now),
      case .integer(let keys)? = await session.connection.call("DBSIZE"),
      let memory = await session.connection.call("INFO", "memory"),
      let used = memory.field("used_memory").flatMap({ Int($0) })
    else { return }
    // Neither the marker nor leases are entries.
    let others = 1 + leases.count(at: session.connection.now)
    let limit = memory.field("maxmemory").flatMap { Int($0) } ?? 0
    lastStatistics.keys = max(0, Int(keys) - others)
    lastStatistics.bytes = used
    lastStatistics.bytesMax = limit > 0 ? limit : nil
    lastStatistics.evictions = evictions
  }
}

/// The keys whose leases the readers of this loop hold, roughly: Redis counts a lease as a key, but
/// it is no entry.
private struct GrantedLeases {
  private var ends: [Key: MonotonicTime] = [:]
  private let lifetime: Duration
  /// Ended leases are not removed before this time: removing them takes a while.
  private var nextSweep = MonotonicTime.distantPast
  private static let keysMax = 4_096

  init(lifetime: Duration) { self.lifetime = lifetime }

  mutating func insert(_ key: Key, at now: MonotonicTime) {
    if ends.count >= Self.keysMax, nextSweep <= now {
      ends = ends.filter { now < $0.value }
      nextSweep = now.adding(.seconds(1))
    }
    if ends.count < Self.keysMax { ends[key] = now.adding(lifetime) }
  }

  mutating func remove(_ key: Key) {
    if !ends.isEmpty { ends[key] = nil }
  }

  mutating func count(at now: MonotonicTime) -> Int {
    ends = ends.filter { now < $0.value }
    return ends.count
  }
}
