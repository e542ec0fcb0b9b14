package import KeyValueStore

/// A process's way to the simulated Redis, with the rules by which `RedisCache` trusts it:
/// generations, votes, failed updates, and the time after a reconnect.
package class CacheConnection: Cache {
  private let redis: SimulatedRedis
  let process: Process
  private var stage: Stage { process.stage }
  private var simulator: Simulator { stage.simulator }
  private var now: Duration { simulator.elapsed }

  private var master: KnownMaster
  /// Whether the network between this process and all of Redis is cut.
  package private(set) var isCut = false
  private var reconnectsFrom = Duration.zero
  private var session: Session?
  /// Keys whose updates have failed. None of them is read until it is repaired.
  private var failures: [Key: Revision] = [:]
  private var isRepairing = false
  private var lastTrust: Duration
  private var counts = (hits: 0, misses: 0)

  /// How long it takes at most to connect to a Redis that has come back.
  private static let reconnectMost = Duration.milliseconds(1_500)
  /// How long a session is not read from: meanwhile others connect, find that they can repair the
  /// cache, and repair it.
  private static let quarantine = reconnectMost + RepairEvidence.relianceMax
  private static let repairPatience = Duration.milliseconds(500)
  private static let repairInterval = Duration.milliseconds(20)
  private static let checkInterval = Duration.milliseconds(100)
  private static let leaseSeconds: Int64 = 5

  private final class Session {
    let server: SimulatedRedis.Server
    let reign: Int
    let generation: SimulatedRedis.Generation
    let readsFrom: Duration
    /// Updates have to be newer to make entries; nil: none makes one yet.
    var horizon: Revision?
    var isOpen = true

    init(_ server: SimulatedRedis.Server, reign: Int, readsFrom: Duration) {
      self.server = server
      self.reign = reign
      generation = SimulatedRedis.Generation(runID: server.runID, reign: reign)
      self.readsFrom = readsFrom
    }

    /// A server that has restarted knows none of its old connections.
    var isWithItsServer: Bool { server.isUp && server.runID == generation.runID }

    var space: CacheSpace {
      get { server[generation] }
      set { server[generation] = newValue }
    }
  }

  package required init(to redis: SimulatedRedis, of process: Process) {
    self.redis = redis
    self.process = process
    master = KnownMaster(of: redis)
    lastTrust = process.stage.simulator.elapsed
  }

  // MARK: Rules, which plants break

  var quarantine: Duration { Self.quarantine }
  /// Whether somebody may trust the master before this one.
  var isDisputed: Bool { now < master.votesExpire }
  /// Whether updates make entries before the session is read from.
  var createsEarly: Bool { false }

  // MARK: The network

  /// Cuts the way to Redis and to the Sentinels.
  package func cut() {
    follow()
    if isCut { return }
    stage.note("\(process.name) is cut from Redis")
    isCut = true
    master.lose()
    lose(until: .zero)
  }

  /// Cuts the way to the Sentinels.
  package func cutFromSentinels() {
    follow()
    stage.note("\(process.name) is cut from the Sentinels")
    master.lose()
  }

  /// Mends both ways.
  package func mend() {
    if isCut {
      isCut = false
      reconnect()
    }
    guard master.isCut else { return }
    stage.note("\(process.name) reaches Redis and the Sentinels again")
    let wasCertain = master.isCertain
    master.regain()
    if !wasCertain { lose(until: .zero) }
  }

  /// Redis does not answer anybody, but the Sentinels do.
  package func redisIsAway() {
    follow()
    lose(until: .zero)
  }

  /// Redis answers again. An attempt to connect that was under way is lost, and the next one
  /// succeeds: before others, which have connected earlier, read.
  package func reconnect() {
    reconnectsFrom = now + stage.chance.milliseconds(0...1_500)
  }

  /// The connection is lost, and made again from a time on.
  private func lose(until time: Duration) {
    noteTrust()
    session?.isOpen = false
    session = nil
    reconnectsFrom = max(reconnectsFrom, time)
  }

  /// Notes when this process has trusted Redis last.
  private func noteTrust() {
    if session?.reign == master.reign {
      lastTrust = max(lastTrust, min(now, master.certainUntil))
    }
  }

  /// Connects to the new master as soon as the Sentinels have named it.
  package func noticeFailover() async {
    await simulator.pause(for: master.noticedNext - now)
    follow()
  }

  /// Takes notice of the master, and connects, as far as both can be done now.
  private func follow() {
    if master.follow() { lose(until: .zero) }
    if let session, !session.isWithItsServer {
      lose(until: now + stage.chance.milliseconds(0...20))
    }
    if session == nil { connect() }
  }

  private func connect() {
    let server = redis.reigns[master.reign].server
    guard !isCut, !redis.isAway, reconnectsFrom <= now, server.isUp, process.isAlive else { return }
    let session = Session(
      server, reign: master.reign,
      readsFrom: (isDisputed ? master.votesExpire : now) + quarantine)
    if createsEarly { observe(session) }
    self.session = session
  }

  /// What was dropped before, or was told to the previous master alone, is not newer than now.
  private func observe(_ session: Session) {
    session.horizon = Revision(stage.databaseTime.microseconds)
  }

  private func isCurrent(_ session: Session) -> Bool {
    session.isOpen && session.reign == master.reign && master.isCertain
  }

  private func isUndisputed(_ session: Session) -> Bool { isCurrent(session) && !isDisputed }

  /// The session, if what it says of `key` can be relied on.
  private func session(reading key: Key) -> Session? {
    follow()
    guard let session, isCurrent(session), session.readsFrom <= now, failures[key] == nil else {
      return nil
    }
    return session
  }

  /// Carries out a command. Nil: it was lost, or its reply.
  private func command<Result>(
    on session: Session, _ body: (inout CacheSpace) -> Result
  ) async -> Result? {
    await stage.travel()
    let isLost = stage.chance.oneIn(stage.odds.lostUpdates)
    let arrives = session.isOpen && session.isWithItsServer && !isCut && !redis.isAway
    if !arrives || isLost && stage.chance.oneIn(2) {
      if session.isOpen { lose(until: now + stage.chance.milliseconds(0...20)) }
      return nil
    }
    if stage.chance.oneIn(stage.odds.evictions), session.space.count > 0 {
      let key = stage.chance.pick(session.space.entries)
      stage.note("  evicted \(key.text)")
      evict(key, from: &session.space)
    }
    let result = body(&session.space)
    await stage.travel()
    if isLost || !session.isOpen {
      if session.isOpen { lose(until: now + stage.chance.milliseconds(0...20)) }
      return nil
    }
    return result
  }

  // MARK: Cache

  package func find(_ key: Key) async -> CacheAnswer {
    guard let session = session(reading: key) else { return miss(nil) }
    guard let found = await command(on: session, { $0.lookup(key) }) else { return miss(nil) }
    if let found {
      counts.hits += 1
      return .hit(found)
    }
    guard self.session(reading: key) === session else { return miss(nil) }
    let token = stage.chance.next() | 1
    let now = stage.databaseTime
    let state = await command(on: session) { space -> CacheAnswer in
      if let lookup = space.lookup(key) { return .hit(lookup) }
      let isGranted = space.lease(key, token: token, at: now, lifetime: Self.leaseSeconds)
      return .miss(isGranted ? Lease(token: token) : nil)
    }
    guard case .hit? = state else {
      if case .miss(let lease)? = state { return miss(lease) }
      return miss(nil)
    }
    counts.hits += 1
    return state!
  }

  package func peek(_ keys: [Key]) async -> [Lookup?] {
    var found: [Lookup?] = []
    for key in keys {
      var lookup: Lookup?
      if let session = session(reading: key) {
        lookup = await command(on: session) { $0.lookup(key) } ?? nil
      }
      found.append(lookup)
      if lookup == nil { counts.misses += 1 } else { counts.hits += 1 }
    }
    return found
  }

  private func miss(_ lease: Lease?) -> CacheAnswer {
    counts.misses += 1
    return .miss(lease)
  }

  package func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    guard let session = session(reading: key) else { return }
    stage.note("\(process.name) fills \(key.text) \(lookup.revision.number)")
    _ = await command(on: session) { fill(key, with: lookup, lease: lease, in: &$0) }
  }

  func fill(_ key: Key, with lookup: Lookup, lease: Lease, in space: inout CacheSpace) {
    space.fill(key, with: lookup, token: lease.token, at: stage.databaseTime)
  }

  package func update(_ updates: [CacheUpdate]) async -> Bool {
    if updates.isEmpty { return true }
    follow()
    if let session {
      if session.horizon == nil, session.readsFrom <= now { observe(session) }
      let horizon = session.horizon
      let isKept: Void? = await command(on: session) { space in
        for update in updates { space.update(update, creatingAfter: horizon) }
      }
      while isKept != nil, process.isAlive, isCurrent(session), !isUndisputed(session) {
        await simulator.pause(for: Self.repairInterval)
        follow()
      }
      if isKept != nil, isUndisputed(session) {
        lastTrust = now
        return true
      }
    }
    for update in updates {
      failures[update.key] = max(failures[update.key] ?? .none, update.revision)
    }
    stage.note("\(process.name) could not update \(updates.map(\.key.text))")
    startRepairing()
    return await waitForRepair(of: updates)
  }

  package func hasRepaired(_ updates: [CacheUpdate]) async -> Bool {
    !updates.contains { failures[$0.key] != nil }
  }

  package func statistics() async -> CacheStatistics {
    follow()
    let space = session?.space
    let bytes = space?.entries.reduce(0) { $0 + $1.bytes.count } ?? 0
    return CacheStatistics(
      keys: space?.count ?? 0, keysMax: nil, bytes: bytes, bytesMax: nil, hits: counts.hits,
      misses: counts.misses, evictions: space?.evictions ?? 0)
  }

  /// Whether it can be updated; it may be too early to read it.
  package var canBeUpdated: Bool {
    follow()
    return session.map(isUndisputed) ?? false
  }

  package func checkHealth() async throws(StoreError) {
    follow()
    guard let session, isCurrent(session), session.readsFrom <= now else {
      throw .unavailable(cause: "no cache", retryAfter: 1)
    }
  }

  // MARK: Repairing

  private func waitForRepair(of updates: [CacheUpdate]) async -> Bool {
    noteTrust()
    let end = lastTrust + Self.repairPatience
    while await !hasRepaired(updates) {
      guard now < end, process.isAlive else { return false }
      await repair()
      await simulator.pause(for: Self.repairInterval)
    }
    return true
  }

  /// Repairs from time to time, until nothing is left.
  private func startRepairing() {
    if isRepairing { return }
    isRepairing = true
    stage.spawn {
      while !self.failures.isEmpty, self.process.isAlive {
        await self.simulator.pause(for: Self.checkInterval)
        await self.repair()
      }
      self.isRepairing = false
    }
  }

  /// Makes Redis forget what is outdated.
  private func repair() async {
    follow()
    guard let session, !failures.isEmpty, isUndisputed(session) else { return }
    let failed = failures.sorted { $0.key < $1.key }
    let isKept: Void? = await command(on: session) { space in
      for (key, revision) in failed {
        space.update(CacheUpdate(key: key, outdatedBefore: revision))
      }
    }
    guard isKept != nil, isCurrent(session) else { return }
    for (key, revision) in failed where failures[key] == revision { failures[key] = nil }
    stage.note("\(process.name) has repaired \(failed.map(\.key.text))")
  }

  func evict(_ key: Key, from space: inout CacheSpace) { space.evict(key) }

  // MARK: For tests

  /// Evicts every entry.
  package func evictAll() {
    guard let session else { return }
    for key in session.space.entries { session.space.evict(key) }
  }

  /// Ends every lease.
  package func endLeases() { session?.space.endLeases() }
}
