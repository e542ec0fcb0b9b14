internal import EventLoop
internal import KeyValueStore
internal import Logging

/// Staying connected, and repairing what was missed.
extension RedisCache {
  /// How often to see whether something has to be done. Also how soon a Redis that hangs is noticed
  /// when there is nothing else to ask it.
  private static let tick = Duration.milliseconds(100)
  /// How often to see whether there is a new master while there is no connection.
  private static let look = Duration.milliseconds(25)
  /// How often to see whether failed updates have been repaired while somebody waits for that.
  private static let repairLook = Duration.milliseconds(5)
  /// How long after nobody trusts the master before it reads stay off. By then every process that
  /// can reach the new one repairs it, for itself and for those that can't.
  private static let readingGrace = Duration.milliseconds(500)
  private static let noMajority = "no majority of the Sentinels tells where it is"
  /// Keys that are repaired with one write.
  private static let repairsMax = 500

  /// Connects to Redis, again and again, until the task is cancelled. Start it with the loop's
  /// executor as its preference.
  public func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.stayConnected() }
      group.addTask { await self.keepUp() }
      await group.waitForAll()
    }
  }

  // MARK: Connecting

  private func stayConnected() async {
    let grace = Uptime.now().adding(.seconds(1))
    while !Task.isCancelled {
      guard let (view, version) = master.current else {
        if grace < Uptime.now() { report(Self.noMajority, at: nil) }
        await pause(Self.look, unlessVersionIsNot: master.version)
        continue
      }
      let failure = await connect(to: view, version: version)
      if Task.isCancelled { return }
      if failure == .timedOut { counters.countTimeout() }
      if failure != .superseded { report(failure.cause, at: view.address) }
      await pause(backoff.pause(after: failure), unlessVersionIsNot: version)
    }
  }

  /// Uses one connection from its beginning to its end.
  private func connect(to view: MasterView, version: Int) async -> ConnectionFailure {
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
        group.addTask { await self.read() }
        group.addTask { await self.begin(view, version: version) }
        await group.waitForAll()
      }
    }
    self.connection = nil
    return connection.failure ?? .closed
  }

  private func read() async {
    await connection?.readUntilClosed()
    session = nil
    counters.note(isServing: false)
  }

  private func begin(_ view: MasterView, version: Int) async {
    guard let connection else { return }
    // The task may have been cancelled before there was a connection to close.
    if Task.isCancelled { return connection.close() }
    let handshake = Handshake(
      configuration: configuration, view: view, version: version, now: now)
    guard let session = await handshake.run(on: connection), connection.isOpen else { return }
    connection.deadline = configuration.operationDeadline
    if session.generation == lastGeneration {
      session.readsFrom = Uptime.now().adding(configuration.quarantine)
    }
    lastGeneration = session.generation
    let settled = master.settledFrom
    if settled > .distantPast {
      session.readsFrom = max(session.readsFrom, settled.adding(Self.readingGrace))
    }
    self.session = session
    backoff.reset()
    counters.countConnect()
    counters.note(isServing: true)
    reportUse(of: view.address)
    await repair(session)
  }

  /// Waits, but not when another Redis is to be used by now.
  private func pause(_ duration: Duration, unlessVersionIsNot version: Int) async {
    let end = Uptime.now().adding(duration)
    repeat {
      let rest = min(Self.look, Uptime.now().duration(to: end))
      guard (try? await Task.sleep(for: rest)) != nil else { return }
    } while Uptime.now() < end && master.version == version
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

  // MARK: Keeping up

  private func keepUp() async {
    while (try? await Task.sleep(for: Self.tick)) != nil { await checkSession() }
    connection?.close()
  }

  private func checkSession() async {
    guard master.version == session?.version ?? master.version else {
      connection?.close(.superseded)
      return
    }
    guard let session, session.connection.isOpen else { return }
    let now = Uptime.now()
    if isCurrent(session) { lastTrust = now }
    noteCertainty(master.isCertain(at: now))
    if session.needsObservation(at: now) {
      _ = await session.observe(now: self.now)
    } else if session.connection.pendingCount == 0,
      session.connection.lastReply.adding(Self.tick) <= now
    {
      session.connection.send(CommandBuffer.command(["PING"]), .nobody)
    }
    await repair(session)
  }

  /// Logs when the Sentinels fall silent, and when they speak again.
  private func noteCertainty(_ isCertain: Bool) {
    guard let address = master.address else { return }
    if !isCertain {
      report(Self.noMajority, at: address)
    } else if reportedCause != nil {
      reportUse(of: address)
    }
  }

  /// Waits until nobody trusts the master before this session's any more, if it stays in use.
  func waitUntilSettled(_ session: RedisSession) async {
    while isCurrent(session), !isSettled(session), !Task.isCancelled {
      await loop.pause(for: Self.repairLook)
    }
  }

  /// Waits for the repair of updates that have failed; false: there was none within the patience.
  ///
  /// Redis may be well for others and only this node's connection broken, or not made yet. They
  /// would read the past from it, so nobody is told yet that the write is done. The patience is
  /// counted from when this node trusted Redis last: however long Redis is away, only the writes of
  /// that moment wait for it here. See `CacheRepairs` for the others.
  func waitForRepair(of updates: [CacheUpdate]) async -> Bool {
    let end = lastTrust.adding(configuration.repairPatience)
    while master.failures.containsAny(of: updates) {
      guard Uptime.now() < end, !Task.isCancelled else { return false }
      if let session { await repair(session) }
      // Whichever loop of this process is connected first repairs for all of them.
      await loop.pause(for: Self.repairLook)
    }
    return true
  }

  /// Makes Redis forget what it has outdated.
  private func repair(_ session: RedisSession) async {
    let failures = master.failures
    let commandsMax = max(1, configuration.pendingCommandsMax / 2)
    let limit = min(Self.repairsMax, commandsMax * RedisSession.keysInCommandMax)
    while !failures.isEmpty, isSettled(session) {
      if failures.beginDrop() {
        let reply = await session.connection.call("FLUSHDB", "ASYNC")
        let isDropped = reply == .string(Array("OK".utf8)) && isCurrent(session)
        failures.endDrop(succeeded: isDropped)
        guard isDropped else { return }
        counters.countDrop()
        logger.warning("Too many updates had failed: the cache was dropped")
        continue
      }
      let failed = failures.some(limit)
      guard !failed.isEmpty, await session.repair(failed) == .kept, isCurrent(session) else {
        return
      }
      failures.remove(failed)
      counters.count(repairs: failed.count)
    }
  }
}
