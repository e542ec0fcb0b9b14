public import EventLoop
public import KeyValueStore
public import Logging

/// The cache of one event loop: entries in the Redis of a `RedisMaster`.
///
/// A Redis that fails is bypassed: look-ups miss at once and without a lease, updates fail at once.
/// What is read from Redis can be relied on because
///
/// - every key begins with the *generation*: the run id of its master and the number of its reign.
///   A replica that was promoted, and a master that has begun anew, know none of the keys;
/// - updates leave only what is newer (`CacheScript`), also when entries are dropped (`DropWatch`);
/// - a key whose update failed is not read by this process until that is repaired
///   (`FailedUpdates`), and nobody is told that the write is done until then (`waitForRepair`), or
///   until another process has done it (`CacheRepairs`);
/// - after a connection to the same generation was lost, reads stay off for a moment, until the
///   other nodes have repaired what they could not update;
/// - a master counts as one only as long as a majority of the Sentinels says so, and a new one only
///   once nobody can count on the one before any more (`RedisMaster.settledFrom`).
///
/// Its methods are meant to be called on its loop: elsewhere they cost two hops.
public actor RedisCache: Cache {
  /// Where it lives.
  public nonisolated let loop: EventLoop
  /// The loop's executor.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  let configuration: RedisConfiguration
  let master: RedisMaster
  let logger: Logger
  let now: WallClock
  let counters = RedisCounters()

  /// The connection that is open or being made.
  var connection: RedisConnection?
  /// Set while Redis can be used.
  var session: RedisSession?
  /// The last generation that was used.
  var lastGeneration: [UInt8] = []
  var backoff = Backoff()
  var attempts = 0
  /// What was logged last of why Redis is away; nil: it is not.
  var reportedCause: String?
  var leases: LeasesOut
  /// When this node last knew that what it tells Redis reaches all readers.
  var lastTrust = Uptime.now()
  var lastStatistics: CacheStatistics

  /// A cache on `loop`, which works while `run()` runs. `now` is the clock that revisions are
  /// compared with: close to the database's.
  public init(
    _ configuration: RedisConfiguration, master: RedisMaster, loop: EventLoop, logger: Logger,
    now: @escaping WallClock
  ) {
    self.configuration = configuration
    self.master = master
    self.loop = loop
    self.logger = logger
    self.now = now
    leases = LeasesOut(lifetime: configuration.leaseTime)
    lastStatistics = CacheStatistics(
      keys: 0, keysMax: nil, bytes: 0, bytesMax: nil, hits: 0, misses: 0, evictions: 0)
    master.register(counters)
  }

  // MARK: Cache

  /// See `Cache`.
  public func find(_ key: Key) async -> CacheAnswer {
    guard let session = session(reading: key) else {
      counters.countBypass()
      return .miss(nil)
    }
    var state = await session.lookUp(key)
    var token: UInt64 = 0
    if case .vacant = state, self.session(reading: key) === session {
      // A reader waits for the database anyway: another trip is nothing to it.
      token = UInt64.random(in: 1 ... .max)
      state = await session.lease(key, token: token)
    }
    switch state {
    case .known(let lookup):
      counters.countHit()
      return .hit(lookup)
    case .leased where token != 0:
      counters.countMiss()
      leases.insert(key, at: session.connection.now)
      return .miss(Lease(token: token))
    case .leased, .vacant, .unavailable, .failed:
      counters.countMiss()
      return .miss(nil)
    }
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
      // Goes out even while nobody is certain of the master: other nodes may be.
      let outcome = await session.update(updates)
      if outcome == .kept { await waitUntilSettled(session) }
      if outcome == .kept, isSettled(session) {
        lastTrust = session.connection.now
        return true
      }
    }
    master.failures.insert(updates)
    counters.count(failedUpdates: updates.count)
    return await waitForRepair(of: updates)
  }

  /// See `Cache`. Whichever loop of the process has done it.
  public func hasRepaired(_ updates: [CacheUpdate]) async -> Bool {
    !master.failures.containsAny(of: updates)
  }

  /// See `Cache`. Asks Redis; the last known figures if it is away.
  public func statistics() async -> CacheStatistics {
    if let session { await refreshStatistics(session) }
    let totals = master.totals
    lastStatistics.hits = totals.hits
    lastStatistics.misses = totals.misses
    return lastStatistics
  }

  /// See `Cache`.
  public func checkHealth() async throws(StoreError) {
    guard let session else {
      throw .unavailable(cause: "Redis: \(reportedCause ?? "not connected yet")", retryAfter: 1)
    }
    guard isCurrent(session) else {
      throw .unavailable(
        cause: "Redis: no majority of the Sentinels tells where it is", retryAfter: 1)
    }
    guard session.readsFrom <= Uptime.now() else {
      throw .unavailable(cause: "Redis: it has just come back", retryAfter: 1)
    }
    guard case .string = await session.connection.call("PING") else {
      throw .unavailable(cause: "Redis: it does not answer", retryAfter: 1)
    }
  }

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
    session.connection.isOpen && master.isCertain(at: Uptime.now())
      && session.version == master.version
  }

  /// Whether that is so, and nobody trusts the one before it any more.
  func isSettled(_ session: RedisSession) -> Bool {
    isCurrent(session) && master.settledFrom <= Uptime.now()
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
