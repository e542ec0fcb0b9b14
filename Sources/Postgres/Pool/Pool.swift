import EventLoop
import Logging
import Observability

/// The connections of one loop. One that writes and one that looks keys up are shared: they carry
/// the statements of all calls behind each other. The connections for transactions, and those for
/// statements that may take long, belong to one call at a time. All are made at the start and
/// replaced whenever they end, and for a moment before that: a burst of requests never opens more.
actor Pool {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  private let configuration: PostgresConfiguration
  private let logger: Logger
  private let (writer, reader) = (Lane(), Lane())
  private let transactions: LaneGroup
  private let queries: LaneGroup
  /// Taken while a call counts: it may take all of its deadline, and the other connections for
  /// queries are left to the other calls.
  private let counting = LaneGroup(count: 1, waitingMax: 16)
  /// Taken while a connection brings the tables up to date.
  private let migration = LaneGroup(count: 1, waitingMax: .max)
  private var isMigrated = false
  private var isAway = false
  private var lastRejectionLog: ContinuousClock.Instant?
  private let metrics: PostgresMetrics
  /// The database's clock, by the last reading of any connection.
  nonisolated let clock = DatabaseClock()
  /// The clock of the server of the writing connection: the clocks of several servers may differ.
  nonisolated let writersClock = DatabaseClock()
  /// What the database is, by the last connection that was made.
  nonisolated let product = DatabaseProduct()

  init(
    _ configuration: PostgresConfiguration, loop: EventLoop, metrics: PostgresMetrics,
    logger: Logger
  ) {
    self.metrics = metrics
    self.configuration = configuration
    self.loop = loop
    self.logger = logger
    transactions = LaneGroup(
      count: max(1, configuration.transactionConnections), waitingMax: configuration.waitingMax)
    queries = LaneGroup(
      count: max(1, configuration.queryConnections), waitingMax: configuration.waitingMax)
  }

  /// Names a lane; the lane itself never leaves the pool.
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
  /// How often to check for calls that have waited too long.
  private static let waitCheckInterval = Duration.milliseconds(100)

  /// How long calls wait while the tables may still have to be brought up to date.
  private static let patienceAtStart = Duration.seconds(15)

  /// Ends the waits for a connection that last longer than an exchange may take.
  private func dismissWaiters() async {
    while (try? await Task.sleep(for: Self.waitCheckInterval)) != nil {
      let now = ContinuousClock.now
      transactions.dismissWaiters(since: now - configuration.deadline)
      queries.dismissWaiters(since: now - configuration.deadline)
      counting.dismissWaiters(since: now - configuration.deadline)
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
  /// The connection for statements that write and commit by themselves, and the time by its
  /// server's clock, in µs since 1970.
  func writer() async throws(ExchangeError) -> (connection: Connection, clock: Int64) {
    let connection = try await writer.wait()
    return (connection, writersClock.now ?? 0)
  }

  /// The connection for look-ups.
  func reader() async throws(ExchangeError) -> Connection { try await reader.wait() }

  /// Sends one query on a connection.
  func exchange<Row>(
    on connection: Connection, _ query: Query<Row>
  ) async throws(ExchangeError) -> Rows<Row> {
    query.rows(of: try await exchange(on: connection, [query.statement])[0])
  }

  /// Sends statements on a connection. Returns the result of each.
  func exchange(
    on connection: Connection, _ statements: [Statement], within limit: Duration? = nil
  ) async throws(ExchangeError) -> [ResultSet] {
    metrics.exchanges.add()
    do throws(ExchangeError) {
      return try await connection.exchange(
        statements.map { $0.reading(configuration.clock) },
        within: limit ?? configuration.deadline)
    } catch {
      if case .refused(let state, _, _) = error {
        if state.isConflict { metrics.conflicts.add() }
        if state.isRejection { rejected(state, error.cause) }
        if state.endsConnection { await connection.fail(error.cause) }
      }
      if error.isOverrun { metrics.cancellations.add() }
      throw error
    }
  }

  /// The server will never execute a statement. If the statement is at fault, and not the data that
  /// a client has sent, operators need to know, but not at every request.
  private func rejected(_ state: SQLState, _ cause: String) {
    metrics.rejections.add()
    let now = ContinuousClock.now
    guard state.isStatementsFault, lastRejectionLog.map({ now - $0 > .seconds(10) }) ?? true else {
      return
    }
    lastRejectionLog = now
    logger.error(
      "the database refuses a statement for good: this release does not fit it",
      metadata: ["cause": "\(cause)"])
  }

  /// Reads the clocks again after the database found a write too late although it arrived at once:
  /// its clock was set. Only the writing connection is read: its clock limits writes.
  func readClocks() async {
    guard let connection = writer.connection else { return }
    try? await readClocks([clock, writersClock], on: connection)
  }

  /// Reads the clock whenever no reading has arrived for a while, until the task is cancelled: the
  /// clock of this machine may run at another speed, or stand still together with it.
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
    let reading = SQL.clockReading
    let results = try await connection.exchange(
      [reading.statement.reading(configuration.clock)], within: configuration.deadline)
    guard let time = reading.rows(of: results[0]).first else { return }
    for (clock, least) in zip(clocks, least) { clock.hear(time, least: least) }
  }

  /// Finds out whether the session is the connection's own; if so, sets it up.
  private func setUp(_ connection: Connection, isShared: Bool) async throws(ExchangeError) {
    let session = Query("SELECT pg_backend_pid()::INT8, version()") {
      (backend: $0.number(0), isCockroach: self.product.hear(version: $0.text(1)))
    }
    let answer = try await connection.exchange(session, within: configuration.deadline).first
    await connection.allowPreparing(onBackend: answer?.backend ?? 0)
    guard await connection.mayPrepare else { return }
    let settings = answer?.isCockroach == true ? Self.cockroachSettings : Self.postgresSettings
    let lockTimeout = isShared ? Self.lockTimeoutOfShared : Self.lockTimeout
    for setting in settings + [Self.idleTimeout, lockTimeout] {
      do throws(ExchangeError) {
        _ = try await connection.exchange(
          [Statement("SET \(setting)")], within: configuration.deadline)
      } catch {
        guard case .refused = error else { throw error }
      }
    }
  }

  // The settings of each session. A server that does not know one of them does not need it.

  /// Statements are planned once, while a table may still be small, and have to find their rows by
  /// an index when it has grown.
  private static let postgresSettings = ["enable_seqscan = off", "jit = off"]
  /// A table whose statistics say that it is small would be read as a whole, under lock if rows are
  /// locked: even if it has grown since, and past every row that another session holds.
  static let cockroachSettings = ["large_full_scan_rows = 0", "disallow_full_table_scans = on"]
  /// A process that hangs in the middle of a transaction must not hold its locks for ever.
  private static let idleTimeout = "idle_in_transaction_session_timeout = '5s'"
  /// A transaction that has locked one row and inserts another can deadlock with a statement that
  /// has inserted the latter. With this timeout one of them gives way, and is tried again, before
  /// PostgreSQL checks for deadlocks.
  private static let lockTimeout = "lock_timeout = '500ms'"
  /// Shorter, because on a shared connection statements wait behind each other.
  private static let lockTimeoutOfShared = "lock_timeout = '250ms'"

  /// A connection that belongs to one call until `takeBack`.
  struct Loan {
    fileprivate let place: Place
    let connection: Connection
  }

  /// Lends a connection for a transaction of several exchanges. Waits for a free one, for `extra`
  /// longer than an exchange may take.
  func lendForTransaction(waiting extra: Duration = .zero) async throws(ExchangeError) -> Loan {
    try await lend(.transactions(try await transactions.take(waiting: extra)))
  }

  /// Lends a connection for statements that may take long. Waits for a free one.
  func lendForQuery() async throws(ExchangeError) -> Loan {
    try await lend(.queries(try await queries.take()))
  }

  /// Waits until no other call counts. The caller calls `endCount`.
  func beginCount() async throws(ExchangeError) { _ = try await counting.take() }

  func endCount() { counting.giveBack(0) }

  private func lend(_ place: Place) async throws(ExchangeError) -> Loan {
    do throws(ExchangeError) {
      return Loan(place: place, connection: try await lane(at: place).lend())
    } catch {
      giveBack(place)
      throw error
    }
  }

  private func giveBack(_ place: Place) {
    lane(at: place).giveBack()
    switch place {
    case .transactions(let number): transactions.giveBack(number)
    case .queries(let number): queries.giveBack(number)
    case .writer, .reader: break
    }
  }

  /// Takes a connection back. If it is in the middle of a transaction, that is rolled back first.
  func takeBack(_ loan: Loan, isClean: Bool) async {
    if !isClean, await loan.connection.failure == nil {
      _ = try? await exchange(on: loan.connection, [Statement("ROLLBACK")])
    }
    giveBack(loan.place)
  }
}

// MARK: - Keeping connections

extension Pool {
  /// Makes one connection after the other for a lane, until the task is cancelled.
  private func keep(_ place: Place) async {
    let lane = lane(at: place)
    var connector: Connector
    do {
      connector = try Connector(configuration)
    } catch {
      return lane.fail("KV_DATABASE_URL: \(error)")
    }
    var pauses = Pauses()
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let host = connector.nextHost
        do throws(ExchangeError) {
          let connection = try await connector.connect(on: loop)
          if await use(connection, at: place, host: host, in: &group) { pauses = Pauses() }
        } catch {
          // Another host may work: calls go on waiting until all were tried.
          failed(lane, error.cause, host: host, isFinal: connector.hasTriedAll)
        }
        if !Task.isCancelled { try? await Task.sleep(for: pauses.next()) }
      }
    }
  }

  /// Puts a connection to use, instead of the one before. Returns when the next one is due: this
  /// one has ended, or is used only until it is replaced. False: it never could be used.
  private func use(
    _ connection: Connection, at place: Place, host: String, in group: inout DiscardingTaskGroup
  ) async -> Bool {
    let lane = lane(at: place)
    let (ends, end) = AsyncStream<Void>.makeStream()
    group.addTask {
      await self.run(connection, at: place, host: host)
      end.finish()
    }
    let last = lane.connection
    guard await prepare(connection, for: lane, host: host) else {
      await connection.fail("it could not be set up")
      for await _ in ends {}
      return false
    }
    if let last { group.addTask { await self.retire(last, at: place) } }
    let lifetime = configuration.lifetime.random
    await withTaskGroup { group in
      group.addTask { for await _ in ends {} }
      group.addTask { try? await Task.sleep(for: lifetime) }
      await group.next()
      group.cancelAll()
    }
    return true
  }

  /// Runs a connection until it ends.
  private func run(_ connection: Connection, at place: Place, host: String) async {
    metrics.connections.add(1)
    metrics.connects.add()
    await connection.run()
    let (isHung, failure) = await (connection.isHung, connection.failure)
    if isHung { became(away: "no answer in time", host: host) }
    lane(at: place).ended(connection, isHung ? "the database did not answer in time" : nil)
    metrics.connections.add(-1)
    if let failure, !Task.isCancelled {
      logger.debug("a connection to the database ended", metadata: ["cause": "\(failure)"])
    }
  }

  /// No connection could be made.
  private func failed(_ lane: Lane, _ cause: String, host: String, isFinal: Bool = true) {
    // The one that was to be replaced is still of use.
    if lane.connection != nil { return metrics.connectionFailures.add() }
    became(away: cause, host: host)
    if isFinal { lane.fail(cause) }
  }

  /// Ends a connection that has been replaced, between two uses. Connections are replaced at the
  /// end of their lifetime, so that the load spreads again over servers that have come back or are
  /// new, and no process of a server grows old.
  private func retire(_ connection: Connection, at place: Place) async {
    let lane = lane(at: place)
    while true {
      if lane.lent !== connection, await connection.endIfIdle("its lifetime has ended") { return }
      guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { return }
    }
  }

  /// Brings the tables up to date before the first use, and reads the clock.
  private func prepare(_ connection: Connection, for lane: Lane, host: String) async -> Bool {
    do throws(ExchangeError) {
      try await migrateOnce(connection)
      try await setUp(connection, isShared: lane === writer || lane === reader)
      try await readClocks(lane === writer ? [clock, writersClock] : [clock], on: connection)
      lane.open(connection)
      if isAway {
        isAway = false
        logger.notice("the database is back", metadata: ["host": "\(host)"])
      }
      return true
    } catch {
      failed(lane, error.cause, host: host)
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
    metrics.connectionFailures.add()
    guard !isAway, !Task.isCancelled else { return }
    isAway = true
    logger.warning(
      "the database is away; connecting goes on",
      metadata: ["cause": "\(cause)", "host": "\(host)"])
  }
}
