internal import Basics
internal import EventLoop
internal import KeyValueStore
internal import Logging
internal import Observability

/// Stays connected, and repairs updates that have failed.
extension RedisCache {
  /// How often the session is checked. Also how soon a hanging Redis is noticed when no other
  /// command is sent to it.
  private static let checkInterval = Duration.milliseconds(100)
  /// How often a task that pauses checks whether another master is known.
  private static let masterInterval = Duration.milliseconds(25)
  /// How often a write checks whether its failed update is repaired.
  private static let repairInterval = Duration.milliseconds(5)
  /// Keys that are repaired with one write.
  private static let repairsMax = 500

  /// Connects to Redis, again and again, until the task is cancelled. Start it with the loop's
  /// executor as its preference.
  public func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.stayConnected() }
      group.addTask { await self.stayCurrent() }
      await group.waitForAll()
    }
  }

  // MARK: Connecting

  private func stayConnected() async {
    let grace = MonotonicTime.now().adding(.seconds(1))
    while !Task.isCancelled {
      guard let (view, version) = master.current else {
        if grace < .now() { report(Self.noMajority, at: nil) }
        await pause(Self.masterInterval, whileVersionIs: master.version)
        continue
      }
      let failure = await connect(to: view, version: version)
      if Task.isCancelled { return }
      if failure == .timedOut { metrics.timeouts.add() }
      if failure != .superseded { report(failure.cause, at: view.address) }
      await pause(delay(after: failure), whileVersionIs: version)
    }
  }

  /// Uses one connection from its beginning to its end.
  private func connect(to view: MasterView, version: Int) async -> RedisConnectionFailure {
    attempts += 1
    let found = await view.address.resolved(
      attempt: attempts, within: configuration.connectDeadline)
    guard let address = found else { return .broken("the name is unknown") }
    let connection = RedisConnection(on: loop, deadline: configuration.connectDeadline)
    connection.pendingCommandsMax = configuration.pendingCommandsMax
    connection.pendingBytesMax = configuration.pendingBytesMax
    self.connection = connection
    if await connection.connect(to: address) {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.readReplies() }
        group.addTask { await self.beginSession(view, version: version) }
        await group.waitForAll()
      }
    }
    self.connection = nil
    return connection.failure ?? .closed
  }

  private func readReplies() async {
    await connection?.readUntilClosed()
    if session != nil { metrics.loopsServing.add(-1) }
    session = nil
  }

  private func beginSession(_ view: MasterView, version: Int) async {
    guard let connection else { return }
    // The task may have been cancelled before there was a connection to close.
    if Task.isCancelled { return connection.close() }
    let handshake = Handshake(
      configuration: configuration, view: view, version: version, now: now)
    guard let session = await handshake.run(on: connection), connection.isOpen else { return }
    connection.deadline = configuration.operationDeadline
    session.readsFrom = max(.now(), master.previousVotesExpire).adding(configuration.quarantine)
    self.session = session
    metrics.loopsServing.add(1)
    metrics.connects.add()
    backoff.reset()
    reportUse(of: view.address)
    await repair(session)
  }

  /// The time from a failure to the next attempt to connect.
  private func delay(after failure: RedisConnectionFailure) -> Duration {
    switch failure {
    case .superseded, .closed: .zero
    // The attempt has waited long enough, and a Redis that hung must be repaired when it goes on.
    case .timedOut: .milliseconds(Int64.random(in: 0...20))
    case .broken, .refused: backoff.next()
    }
  }

  /// Waits, but ends early when another master is known.
  private func pause(_ duration: Duration, whileVersionIs version: Int) async {
    let end = MonotonicTime.now().adding(duration)
    repeat {
      let rest = min(Self.masterInterval, MonotonicTime.now().duration(to: end))
      guard (try? await Task.sleep(for: rest)) != nil else { return }
    } while .now() < end && master.version == version
  }

  /// Logs a cause once, however many attempts fail because of it.
  private func report(_ cause: String, at address: HostAndPort?) {
    guard cause != reportedCause else { return }
    reportedCause = cause
    let place = address.map { "\($0)" } ?? "unknown"
    logger.warning(
      "Redis is bypassed", metadata: ["redis": "\(place)", "cause": "\(cause)"])
  }

  private func reportUse(of address: HostAndPort) {
    reportedCause = nil
    logger.notice("Redis is in use", metadata: ["redis": "\(address)"])
  }

  // MARK: Staying current

  private func stayCurrent() async {
    while (try? await Task.sleep(for: Self.checkInterval)) != nil { await checkSession() }
    connection?.close()
  }

  private func checkSession() async {
    guard master.version == session?.version ?? master.version else {
      connection?.close(.superseded)
      return
    }
    guard let session, session.connection.isOpen else { return }
    let now = MonotonicTime.now()
    if isCurrent(session) { lastTrust = now }
    // When there is a majority again, a new session begins.
    if !master.isCertain(at: now) { report(Self.noMajority, at: master.address) }
    if session.needsObservation(at: now) {
      _ = await session.observe(now: self.now)
    } else if session.connection.pendingCount == 0,
      session.connection.lastReply.adding(Self.checkInterval) <= now
    {
      session.connection.send(CommandBuffer.command(["PING"]), .unawaited)
    }
    await repair(session)
  }

  /// Waits until no process can trust the previous master any more, as long as the session's Redis
  /// stays the master.
  func waitUntilUndisputed(_ session: RedisSession) async {
    while isCurrent(session), !isUndisputed(session), !Task.isCancelled {
      await loop.pause(for: Self.repairInterval)
    }
  }

  // MARK: Repairing

  /// Waits for the repair of failed updates. False: they were not repaired in time.
  ///
  /// Redis may work for other nodes, with only this node's connection broken or not made yet. Those
  /// nodes would read the past from it, so the write must not be acknowledged yet. The patience
  /// counts from when this node last trusted Redis: however long Redis is away, only the writes of
  /// the first moment wait here. See `CacheRepairs` for the later ones.
  func waitForRepair(of updates: [CacheUpdate]) async -> Bool {
    let end = lastTrust.adding(configuration.repairPatience)
    while master.failures.containsAny(of: updates) {
      guard .now() < end, !Task.isCancelled else { return false }
      if let session { await repair(session) }
      // The first loop of this process to be connected repairs for all of them.
      await loop.pause(for: Self.repairInterval)
    }
    return true
  }

  /// Makes Redis forget what is outdated.
  private func repair(_ session: RedisSession) async {
    let failures = master.failures
    let commandsMax = max(1, configuration.pendingCommandsMax / 2)
    let limit = min(Self.repairsMax, commandsMax * RedisSession.keysInCommandMax)
    while !failures.isEmpty, isUndisputed(session) {
      if failures.beginDrop() {
        let reply = await session.connection.call("FLUSHDB", "ASYNC")
        let isDropped = reply == .string(Array("OK".utf8)) && isCurrent(session)
        failures.endDrop(succeeded: isDropped)
        guard isDropped else { return }
        metrics.drops.add()
        logger.warning("Too many updates had failed: the cache was dropped")
        continue
      }
      let failed = failures.some(limit)
      guard !failed.isEmpty, await session.repair(failed) == .kept, isCurrent(session) else {
        return
      }
      metrics.repairs.add(failures.remove(failed))
    }
  }
}
