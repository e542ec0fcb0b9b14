public import EventLoop
public import KeyValueStore
public import Logging

/// Entries in CockroachDB or PostgreSQL, through the connections of one event loop.
///
/// Every write is one transaction by itself, sent in one go and decided by its own statements, but
/// for batches of several operations and writes with an idempotency key.
public actor PostgresDatabase: SharedDatabase {
  /// The loop that everything here runs on.
  public nonisolated let loop: EventLoop
  /// The loop's executor: the actor is pinned to it.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  let configuration: PostgresConfiguration
  let pool: Pool
  let published: PublishedChanges
  nonisolated let counters = PostgresCounters()

  /// A database that connects once it runs. `published` is the process's. Throws when the URL can't
  /// be read.
  public init(
    _ configuration: PostgresConfiguration, loop: EventLoop, published: PublishedChanges,
    logger: Logger
  ) throws(PostgresURLError) {
    try configuration.check()
    self.configuration = configuration
    self.loop = loop
    self.published = published
    pool = Pool(configuration, loop: loop, counters: counters, logger: logger)
  }

  /// Keeps connections, on the loop, until the task is cancelled; then closes them. Tables are
  /// brought up to date first. While the database is away, calls fail and connecting goes on.
  public func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.pool.run() }
      group.addTask { await self.settleWhenIdle() }
    }
  }

  /// What the connections have done; for any thread.
  public nonisolated var statistics: PostgresStatistics { counters.snapshot }

  /// Brings the tables up to date, waiting `duration` for a database that is away; returns how many
  /// migrations were missing. The loop must be running.
  public static func migrate(
    _ configuration: PostgresConfiguration, loop: EventLoop, within duration: Duration
  ) async throws(StoreError) -> Int {
    let result = await withTaskExecutorPreference(loop.executor) {
      do throws(StoreError) {
        return Result<Int, StoreError>.success(
          try await migrateHere(configuration, loop: loop, within: duration))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  @concurrent
  private static func migrateHere(
    _ configuration: PostgresConfiguration, loop: EventLoop, within duration: Duration
  ) async throws(StoreError) -> Int {
    var connector: Connector
    do {
      connector = try Connector(configuration)
    } catch {
      throw .rejected(cause: "KV_DATABASE_URL: \(error)")
    }
    let end = ContinuousClock.now + duration
    var backoff = Backoff()
    while true {
      do throws(ExchangeError) {
        return try await migrate(configuration, &connector, loop: loop)
      } catch {
        guard ContinuousClock.now < end else {
          throw .unavailable(cause: error.cause, retryAfter: 1)
        }
      }
      try? await Task.sleep(for: backoff.next())
    }
  }

  private static func migrate(
    _ configuration: PostgresConfiguration, _ connector: inout Connector, loop: EventLoop
  ) async throws(ExchangeError) -> Int {
    let connection = try await connector.connect(on: loop)
    let result = await withTaskGroup(of: Void.self) { group in
      group.addTask(executorPreference: loop.executor) { await connection.run() }
      let result: Result<Int, ExchangeError>
      do throws(ExchangeError) {
        let migrator = Migrator(connection: connection, deadline: configuration.deadline)
        result = .success(try await migrator.migrate())
      } catch {
        result = .failure(error)
      }
      group.cancelAll()
      return result
    }
    return try result.get()
  }
}

// MARK: - Reading

extension PostgresDatabase {
  /// See `Database`. Errors: `unavailable`, `overloaded`.
  public func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    guard !keys.isEmpty else { return [] }
    let rows = try await look { [EntryStatements.read(keys)] }[0]
    if rows.count == keys.count, keys.count == 1 { return [EntryRow.lookup(rows, 0).lookup] }
    var found: [Key: Lookup] = [:]
    found.reserveCapacity(rows.count)
    for row in 0..<rows.count {
      let (key, lookup) = EntryRow.lookup(rows, row)
      found[key] = lookup
    }
    return keys.map { found[$0] ?? .absent(.none) }
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`.
  public func list(_ request: PageRequest) async throws(StoreError) -> Page {
    let rows = try await look { [UpkeepStatements.list(request)] }[0]
    var items: [Page.Item] = []
    for row in 0..<min(rows.count, request.entriesMax) {
      let size = Int(rows.number(row, 7))
      let isTooMuch =
        request.includesValues && rows.isNull(row, 8)
      if isTooMuch { break }
      items.append(
        Page.Item(
          metadata: EntryRow.metadata(rows, row, Key(trusted: rows.bytes(row, 0)), size: size),
          value: request.includesValues ? rows.bytes(row, 8) : nil))
    }
    return Page(items: items, hasMore: rows.count > items.count)
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`.
  public func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    let age = configuration.retentionSeconds * 1_000_000
    let rows = try await look { [OperationStatements.records([id], within: age)] }[0]
    return rows.count == 0 ? nil : OperationStatements.record(rows, 0)
  }

  /// Asks the database for nothing much. Errors: `unavailable`.
  public func checkHealth() async throws(StoreError) {
    _ = try await look { [Statement("SELECT max(version) FROM migrations")] }
  }

  /// Reads; once more if the connection was lost, as reading twice does no harm.
  func look(_ make: () -> [Statement]) async throws(StoreError) -> [ResultSet] {
    let end = ContinuousClock.now + configuration.deadline
    var backoff = Backoff()
    while true {
      do throws(ExchangeError) {
        let (connection, _) = try await pool.lend(for: .reading)
        return try await pool.exchange(on: connection, make())
      } catch {
        let isWorthwhile =
          switch error {
          case .notSent: false
          case .closed, .lost: true
          case .refused(let state, _): state.isConflict || state.endsConnection
          }
        guard isWorthwhile, ContinuousClock.now < end else { throw failed(unwritten(error)) }
      }
      await loop.pause(for: backoff.next())
    }
  }

  /// Counts a call that fails.
  func failed(_ error: StoreError) -> StoreError {
    counters.count { $0.failures += 1 }
    return error
  }

  /// What an error means to somebody for whom nothing was written.
  func unwritten(_ error: ExchangeError) -> StoreError {
    if case .refused(let state, _) = error, state.isRejection {
      return .rejected(cause: "database: \(error.cause)")
    }
    return .unavailable(cause: "database: \(error.cause)", retryAfter: 1)
  }
}
