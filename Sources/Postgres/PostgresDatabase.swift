public import EventLoop
public import KeyValueStore
public import Logging

/// Entries in CockroachDB or PostgreSQL, through the connections of one event loop.
///
/// Most writes are decided by the statement that carries them out, which commits by itself. What no
/// statement can decide is read under lock, decided here and written back: see `Decisions`.
public actor PostgresDatabase: SharedDatabase {
  /// The loop that everything here runs on.
  public nonisolated let loop: EventLoop
  /// The loop's executor: the actor is pinned to it.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  let configuration: PostgresConfiguration
  let pool: Pool
  let published: PublishedChanges
  nonisolated let counters = PostgresCounters()
  /// Why the server takes no writes, as far as is known.
  var writingTrouble: String?
  /// Writes in one statement. Halved whenever one takes too long, and doubled again by and by.
  var bulkMax = PostgresDatabase.bulkMost
  /// From when on the outbox is searched.
  var outboxFloor = OutboxFloor()
  /// From when on repairs of the cache are searched.
  var repairFloor = OutboxFloor()

  static let bulkMost = 1_000
  static let bulkMin = 16

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
      group.addTask { await self.pool.keepTime() }
      group.addTask { await self.settlePublished() }
    }
  }

  /// What the database's clock says now, as far as it is known here: it may be a little later
  /// there, but not earlier. Nil: nothing was heard of it yet. For any thread; costs no exchange.
  public nonisolated var clock: Timestamp? {
    pool.clock.now.map { Timestamp(microseconds: $0) }
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

// MARK: - Failures

extension PostgresDatabase {
  /// Counts a call that fails.
  func failed(_ error: StoreError) -> StoreError {
    counters.count { $0.failures += 1 }
    return error
  }

  /// Waits before a call's next attempt; throws `failure` when there is no time for one.
  func pause(
    _ retrying: inout Retrying, after failure: StoreError
  ) async throws(StoreError) {
    guard let wait = retrying.next() else { throw failed(failure) }
    await loop.pause(for: wait)
  }

  /// What an error means to somebody for whom nothing was written.
  func unwritten(_ error: ExchangeError) -> StoreError {
    if error.isOverrun || error.isLockTimeout {
      return .tooSlow(cause: "database: \(error.cause)")
    }
    if case .refused(let state, _, _) = error, state.isRejection {
      return .rejected(cause: "database: \(error.cause)")
    }
    return .unavailable(cause: "database: \(error.cause)", retryAfter: 1)
  }

  /// What a failed write that was sent at `start` means. `mayBeCommitted`: its last statement
  /// commits, as `commit`.
  ///
  /// That the outcome is unknown is told only when the write can't take effect any more: then it is
  /// sure to come before whatever is written instead.
  func failure(
    _ error: ExchangeError, mayBeCommitted: Bool, as commit: OutboxID? = nil,
    since start: ContinuousClock.Instant
  ) async -> StoreError {
    noteWriting(trouble: error)
    guard mayBeCommitted, error.leavesOutcomeUnknown else { return failed(unwritten(error)) }
    counters.count {
      $0.failures += 1
      $0.unknownOutcomes += 1
    }
    if case .lost = error {
      let end = start + configuration.writeValidity + configuration.clockSkewMax
      let left = end - ContinuousClock.now
      if left > .zero { await loop.pause(for: left) }
    }
    return .outcomeUnknown(cause: "database: \(error.cause)", commit: commit)
  }

  /// Remembers whether the server takes writes, for `checkHealth`.
  func noteWriting(trouble error: ExchangeError?) {
    guard let error else { return writingTrouble = nil }
    if case .refused(let state, let message, _) = error, state.takesNoWrites {
      writingTrouble = message
    }
  }
}
