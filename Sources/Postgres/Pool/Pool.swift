import EventLoop
import KeyValueStore
import Logging

/// The connections of one loop: one that writes, one that reads, and some for transactions. All
/// are made at the start and again whenever they end: a burst of requests never opens more.
actor Pool {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  private let configuration: PostgresConfiguration
  private let logger: Logger
  private let writer = Lane()
  private let reader = Lane()
  private let transactions: [Lane]
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var isMigrated = false
  private var isAway = false
  private let counters: PostgresCounters

  init(
    _ configuration: PostgresConfiguration, loop: EventLoop, counters: PostgresCounters,
    logger: Logger
  ) {
    self.counters = counters
    self.configuration = configuration
    self.loop = loop
    self.logger = logger
    transactions = (0..<max(1, configuration.transactionConnections)).map { _ in Lane() }
  }

  /// What a call is for.
  enum Purpose {
    case reading, writing
  }

  /// Names a lane; the lane itself stays in here.
  private enum Place: Sendable {
    case writer, reader
    case transactions(Int)
  }

  private func lane(at place: Place) -> Lane {
    switch place {
    case .writer: writer
    case .reader: reader
    case .transactions(let number): transactions[number]
    }
  }

  /// Keeps the connections until the task is cancelled, and then closes them.
  func run() async {
    await withDiscardingTaskGroup { group in
      for place in [.writer, .reader] + transactions.indices.map({ Place.transactions($0) }) {
        group.addTask { await self.keep(place) }
      }
    }
    for lane in [writer, reader] + transactions { lane.fail("this process is leaving") }
  }
}

// MARK: - Using connections

extension Pool {
  /// A connection for statements that are one transaction by themselves, and the time, by the
  /// database's clock, until which a write that is sent now may take effect.
  func lend(
    for purpose: Purpose
  ) async throws(ExchangeError) -> (connection: Connection, validUntil: Int64) {
    let lane = purpose == .writing ? writer : reader
    let connection = try await lane.wait()
    return (connection, validity(on: lane))
  }

  /// Sends statements on a connection that was lent.
  func exchange(
    on connection: Connection, _ statements: [Statement]
  ) async throws(ExchangeError) -> [ResultSet] {
    counters.count { $0.exchanges += 1 }
    do throws(ExchangeError) {
      return try await connection.exchange(statements, within: configuration.deadline)
    } catch {
      if case .refused(let state, _) = error {
        if state.isConflict { counters.count { $0.retries += 1 } }
        if state.endsConnection { await connection.fail(error.cause) }
      }
      throw error
    }
  }

  /// Until when a write that is sent now may take effect.
  private func validity(on lane: Lane) -> Int64 {
    lane.clock.now + configuration.writeValidity / .microseconds(1)
  }

  /// The database found a write too late, although it came at once: its clock was set. Connections
  /// for transactions are left alone: somebody may be in the middle of one, where a question from
  /// outside has no place, and what is written there is never too late.
  func readClock() async throws(ExchangeError) {
    for lane in [writer, reader] {
      guard let connection = lane.connection else { continue }
      lane.set(try await Self.clock(of: connection, configuration))
    }
  }

  private static func clock(
    of connection: Connection, _ configuration: PostgresConfiguration
  ) async throws(ExchangeError) -> DatabaseClock {
    let results = try await connection.exchange(
      [Statement("SELECT \(SQL.now)")], within: configuration.deadline)
    return DatabaseClock(reading: results.first.map { $0.number(0, 0) } ?? 0)
  }

  /// Finds out whether the session is the connection's own, and then sets it up for statements that
  /// are planned once: they are planned while a table may still be small, and have to find their
  /// rows by an index when it has grown. CockroachDB knows neither setting, and needs none.
  private func setUp(_ connection: Connection) async throws(ExchangeError) {
    let backend = try await connection.exchange(
      [Statement("SELECT pg_backend_pid()::INT8")], within: configuration.deadline)
    await connection.allowPreparing(onBackend: backend.first.map { $0.number(0, 0) } ?? 0)
    guard await connection.mayPrepare else { return }
    for setting in ["SET enable_seqscan = off", "SET jit = off"] {
      do throws(ExchangeError) {
        _ = try await connection.exchange([Statement(setting)], within: configuration.deadline)
      } catch {
        guard case .refused = error else { throw error }
      }
    }
  }

  /// A connection that one transaction of several exchanges has for itself, until it gives back the
  /// lane of this number.
  struct Loan {
    let lane: Int
    let connection: Connection
  }

  /// Lends a connection to a transaction; waits for one that is free.
  func lendForTransaction() async throws(ExchangeError) -> Loan {
    let number = try await take()
    let lane = transactions[number]
    do throws(ExchangeError) {
      let connection = try await lane.wait()
      return Loan(lane: number, connection: connection)
    } catch {
      giveBack(number)
      throw error
    }
  }

  /// Takes a connection back. One that was left in the middle of a transaction is cleaned first.
  func takeBack(_ loan: Loan, isClean: Bool) async {
    if !isClean, await loan.connection.failure == nil {
      _ = try? await exchange(on: loan.connection, [Statement("ROLLBACK")])
    }
    giveBack(loan.lane)
  }

  private func take() async throws(ExchangeError) -> Int {
    while true {
      if let number = transactions.firstIndex(where: { !$0.isTaken }) {
        transactions[number].isTaken = true
        return number
      }
      guard waiting.count < configuration.waitingMax else {
        throw .notSent("too many transactions wait for a connection")
      }
      await withCheckedContinuation { waiter in
        // Looked at again: others may have come between.
        if transactions.allSatisfy(\.isTaken) { waiting.append(waiter) } else { waiter.resume() }
      }
    }
  }

  private func giveBack(_ number: Int) {
    transactions[number].isTaken = false
    if !waiting.isEmpty { waiting.removeFirst().resume() }
  }
}

// MARK: - Keeping connections

extension Pool {
  /// Makes one connection after the other.
  private func keep(_ place: Place) async {
    let lane = lane(at: place)
    var connector: Connector
    do {
      connector = try Connector(configuration)
    } catch {
      return lane.fail("KV_DATABASE_URL: \(error)")
    }
    var backoff = Backoff()
    while !Task.isCancelled {
      let host = connector.nextHost
      do throws(ExchangeError) {
        let connection = try await connector.connect(on: loop)
        if await use(connection, at: place, host: host) { backoff = Backoff() }
      } catch {
        became(away: error.cause, host: host)
        // Another host may be well: nobody is told before all were tried.
        if connector.hasTriedAll { lane.fail(error.cause) }
      }
      if !Task.isCancelled { try? await Task.sleep(for: backoff.next()) }
    }
  }

  /// Has a connection used until it breaks; false: it never was of use.
  private func use(_ connection: Connection, at place: Place, host: String) async -> Bool {
    let lane = lane(at: place)
    counters.count {
      $0.connectionsOpen += 1
      $0.connectionsOpened += 1
    }
    let wasUseful = await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        await connection.run()
        return true
      }
      let isReady = await prepare(connection, for: lane, host: host)
      if isReady {
        group.addTask {
          await self.retire(connection, at: place)
          return true
        }
        _ = await group.next()
      }
      group.cancelAll()
      return isReady
    }
    if await connection.isHung {
      counters.count { $0.timeouts += 1 }
      became(away: "no answer in time", host: host)
      lane.fail("the database did not answer in time")
    } else if lane.connection === connection {
      lane.close()
    }
    counters.count { $0.connectionsOpen -= 1 }
    if let failure = await connection.failure, wasUseful, !Task.isCancelled {
      logger.debug("a connection to the database ended", metadata: ["cause": "\(failure)"])
    }
    return wasUseful
  }

  /// Ends a connection when its time is over, between two uses. So the load spreads again over
  /// servers that have come back or are new, and a server's process never grows old.
  private func retire(_ connection: Connection, at place: Place) async {
    let lane = lane(at: place)
    let (least, most) = (configuration.lifetime.lowerBound, configuration.lifetime.upperBound)
    let lifetime = least + (most - least) * Double.random(in: 0...1)
    guard (try? await Task.sleep(for: lifetime)) != nil else { return }
    while lane.isTaken {
      guard (try? await Task.sleep(for: Self.retireLook)) != nil else { return }
    }
    guard lane.connection === connection else { return }
    // Whoever comes now waits for the next one.
    lane.close()
    while await !connection.isIdle {
      guard (try? await Task.sleep(for: Self.retireLook)) != nil else { return }
    }
    await connection.fail("its time is over")
  }

  /// How often to see whether a connection that is to end is still needed.
  private static let retireLook = Duration.milliseconds(5)

  /// Brings the tables up to date before the first use, and reads the clock.
  private func prepare(_ connection: Connection, for lane: Lane, host: String) async -> Bool {
    do throws(ExchangeError) {
      if !isMigrated {
        _ = try await Migrator(connection: connection, deadline: configuration.deadline).migrate()
        isMigrated = true
      }
      try await setUp(connection)
      lane.open(connection, clock: try await Self.clock(of: connection, configuration))
      if isAway {
        isAway = false
        logger.notice("the database is back", metadata: ["host": "\(host)"])
      }
      return true
    } catch {
      became(away: error.cause, host: host)
      lane.fail(error.cause)
      return false
    }
  }

  private func became(away cause: String, host: String) {
    counters.count { $0.connectFailures += 1 }
    guard !isAway, !Task.isCancelled else { return }
    isAway = true
    logger.warning(
      "the database is away; connecting goes on",
      metadata: ["cause": "\(cause)", "host": "\(host)"])
  }
}
