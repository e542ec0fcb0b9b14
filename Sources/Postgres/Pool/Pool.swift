import EventLoop
import KeyValueStore
import Logging

/// The connections of one loop. One that writes and one that looks keys up carry statements behind
/// each other; those for transactions, and those for what may take long, belong to one call at a
/// time. All are made at the start and again whenever they end: a burst of requests never opens
/// more.
actor Pool {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  private let configuration: PostgresConfiguration
  private let logger: Logger
  private let writer = Lane()
  private let reader = Lane()
  private let transactions: LaneGroup
  private let queries: LaneGroup
  /// Whose turn it is to bring the tables up to date.
  private let migration = LaneGroup(count: 1, waitingMax: .max)
  private var isMigrated = false
  private var isAway = false
  private var lastRejectionLog: ContinuousClock.Instant?
  private let counters: PostgresCounters
  /// The database's clock, as any of the connections has heard it last.
  nonisolated let clock = DatabaseClock()
  /// The clock of the server that the writing connection leads to: those of several may differ.
  nonisolated let writersClock = DatabaseClock()

  init(
    _ configuration: PostgresConfiguration, loop: EventLoop, counters: PostgresCounters,
    logger: Logger
  ) {
    self.counters = counters
    self.configuration = configuration
    self.loop = loop
    self.logger = logger
    transactions = LaneGroup(
      count: max(1, configuration.transactionConnections), waitingMax: configuration.waitingMax)
    queries = LaneGroup(
      count: max(1, configuration.queryConnections), waitingMax: configuration.waitingMax)
  }

  /// Names a lane; the lane itself stays in here.
  fileprivate enum Place: Sendable {
    case writer, reader
    case transactions(Int)
    case queries(Int)
  }

  private func lane(at place: Place) -> Lane {
    switch place {
    case .writer: writer
    case .reader: reader
    case .transactions(let number): transactions.lanes[number]
    case .queries(let number): queries.lanes[number]
    }
  }

  private var places: [Place] {
    [.writer, .reader] + transactions.lanes.indices.map { .transactions($0) }
      + queries.lanes.indices.map { .queries($0) }
  }

  /// Keeps the connections until the task is cancelled, and then closes them.
  func run() async {
    await withDiscardingTaskGroup { group in
      for place in places { group.addTask { await self.keep(place) } }
      group.addTask { await self.dismissWaiters() }
    }
    for place in places { lane(at: place).fail("this process is leaving") }
  }
}

// MARK: - Waiting

extension Pool {
  /// How often to see who has waited for too long.
  private static let look = Duration.milliseconds(100)

  /// How long calls wait while the tables may still have to be brought up to date.
  private static let patienceAtStart = Duration.seconds(15)

  /// Has nobody wait longer for a connection than an exchange may take.
  private func dismissWaiters() async {
    while (try? await Task.sleep(for: Self.look)) != nil {
      let now = ContinuousClock.now
      transactions.dismissWaiters(since: now - configuration.deadline)
      queries.dismissWaiters(since: now - configuration.deadline)
      for place in places {
        let lane = lane(at: place)
        let patience = lane.wasOpened ? .zero : Self.patienceAtStart
        lane.dismissWaiters(since: now - max(configuration.deadline, patience))
      }
    }
  }
}

// MARK: - Using connections

extension Pool {
  /// The connection for statements that write and commit by themselves, and what the database's
  /// clock says now, in µs since 1970.
  func writer() async throws(ExchangeError) -> (connection: Connection, clock: Int64) {
    let connection = try await writer.wait()
    return (connection, writersClock.now ?? 0)
  }

  /// The connection for look-ups.
  func reader() async throws(ExchangeError) -> Connection { try await reader.wait() }

  /// Sends statements on a connection that was lent.
  func exchange(
    on connection: Connection, _ statements: [Statement], within limit: Duration? = nil
  ) async throws(ExchangeError) -> [ResultSet] {
    counters.count { $0.exchanges += 1 }
    do throws(ExchangeError) {
      return try await connection.exchange(
        statements.map { $0.reading(configuration.clock) },
        within: limit ?? configuration.deadline)
    } catch {
      if case .refused(let state, _, _) = error {
        if state.isConflict { counters.count { $0.retries += 1 } }
        if state.isRejection { rejected(state, error.cause) }
        if state.endsConnection { await connection.fail(error.cause) }
      }
      if error.isOverrun { counters.count { $0.cancellations += 1 } }
      throw error
    }
  }

  /// A statement that the server will never carry out. Where the statement is at fault, and not
  /// what a client has sent, somebody must know, but not at every request.
  private func rejected(_ state: SQLState, _ cause: String) {
    counters.count { $0.rejections += 1 }
    let now = ContinuousClock.now
    guard state.isStatementsFault, lastRejectionLog.map({ now - $0 > .seconds(10) }) ?? true else {
      return
    }
    lastRejectionLog = now
    logger.error(
      "the database refuses a statement for good: this release does not fit it",
      metadata: ["cause": "\(cause)"])
  }

  /// The database found a write too late, although it came at once: its clock was set. Reads it
  /// again where it is told to statements; what others do with their connections is left alone.
  func readClocks() async {
    guard let connection = writer.connection else { return }
    try? await readClocks([clock, writersClock], on: connection)
  }

  /// Reads the clock whenever nothing was heard of it for a while, for as long as the task lives:
  /// this machine's may run at another speed, or stand still with it.
  func keepTime() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.silenceMax)
      guard clock.isSilent(for: Self.silenceMax), let connection = reader.connection else {
        continue
      }
      try? await readClocks([clock], on: connection)
    }
  }

  private static let silenceMax = Duration.seconds(1)

  private func readClocks(
    _ clocks: [DatabaseClock], on connection: Connection
  ) async throws(ExchangeError) {
    let least = clocks.map(\.now)
    let results = try await connection.exchange(
      [Statement("SELECT \(SQL.now)").reading(configuration.clock)],
      within: configuration.deadline)
    guard let time = results.first?.number(0, 0) else { return }
    for (clock, least) in zip(clocks, least) { clock.hear(time, least: least) }
  }

  /// Finds out whether the session is the connection's own, and then sets it up: see `settings`.
  private func setUp(
    _ connection: Connection, sharesTurns: Bool
  ) async throws(ExchangeError) {
    let backend = try await connection.exchange(
      [Statement("SELECT pg_backend_pid()::INT8")], within: configuration.deadline)
    await connection.allowPreparing(onBackend: backend.first.map { $0.number(0, 0) } ?? 0)
    guard await connection.mayPrepare else { return }
    for setting in Self.settings + [sharesTurns ? Self.lockTimeoutOfShared : Self.lockTimeout] {
      do throws(ExchangeError) {
        _ = try await connection.exchange(
          [Statement("SET \(setting)")], within: configuration.deadline)
      } catch {
        guard case .refused = error else { throw error }
      }
    }
  }

  /// What each session is told; a server that does not know a setting needs none.
  private static let settings = [
    // Statements are planned once, while a table may still be small, and have to find their rows by
    // an index when it has grown.
    "enable_seqscan = off", "jit = off",
    // A process that hangs in the middle must not hold its locks for ever.
    "idle_in_transaction_session_timeout = '5s'",
  ]
  /// A transaction that has locked a row and adds another one can wait in a circle with a statement
  /// that has added that one. One of them gives way, and is tried again, before PostgreSQL looks
  /// for deadlocks.
  private static let lockTimeout = "lock_timeout = '500ms'"
  /// Statements stand behind each other there.
  private static let lockTimeoutOfShared = "lock_timeout = '250ms'"

  /// A connection that a call has for itself, until it gives it back.
  struct Loan {
    fileprivate let place: Place
    let connection: Connection
  }

  /// Lends a connection for a transaction of several exchanges; waits for one that is free, for
  /// `extra` longer than an exchange may take.
  func lendForTransaction(waiting extra: Duration = .zero) async throws(ExchangeError) -> Loan {
    try await lend(.transactions(try await transactions.take(waiting: extra)))
  }

  /// Lends a connection for statements that may take long; waits for one that is free.
  func lendForQuery() async throws(ExchangeError) -> Loan {
    try await lend(.queries(try await queries.take()))
  }

  private func lend(_ place: Place) async throws(ExchangeError) -> Loan {
    do throws(ExchangeError) {
      return Loan(place: place, connection: try await lane(at: place).wait())
    } catch {
      giveBack(place)
      throw error
    }
  }

  private func giveBack(_ place: Place) {
    switch place {
    case .transactions(let number): transactions.giveBack(number)
    case .queries(let number): queries.giveBack(number)
    case .writer, .reader: break
    }
  }

  /// Takes a connection back. One that was left in the middle of a transaction is cleaned first.
  func takeBack(_ loan: Loan, isClean: Bool) async {
    if !isClean, await loan.connection.failure == nil {
      _ = try? await exchange(on: loan.connection, [Statement("ROLLBACK")])
    }
    giveBack(loan.place)
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
      try await migrateOnce(connection)
      try await setUp(connection, sharesTurns: lane === writer || lane === reader)
      try await readClocks(lane === writer ? [clock, writersClock] : [clock], on: connection)
      lane.open(connection)
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

  /// Only the first connection brings the tables up to date; the others wait for it.
  private func migrateOnce(_ connection: Connection) async throws(ExchangeError) {
    let place = try await migration.take()
    defer { migration.giveBack(place) }
    if isMigrated { return }
    _ = try await Migrator(connection: connection, deadline: configuration.deadline).migrate()
    isMigrated = true
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
