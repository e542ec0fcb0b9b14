internal import Basics
public import EventLoop
public import KeyValueStore
public import Logging
internal import Observability
internal import Synchronization

/// Entries in CockroachDB or PostgreSQL, through the connections of one event loop.
///
/// Most writes are decided by the statement that makes them, which commits by itself. For what no
/// statement can decide, rows are read under lock, decided here and written back: see `Decisions`.
public actor PostgresDatabase: SharedDatabase {
  /// The loop that everything here runs on.
  public nonisolated let loop: EventLoop
  /// The loop's executor: the actor is pinned to it.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  let configuration: PostgresConfiguration
  let pool: Pool
  let published: PublishedChanges
  nonisolated let metrics: PostgresMetrics
  /// Why the server takes no writes, as far as is known.
  private(set) var writingTrouble: String?
  /// The most writes in one statement. Halved whenever a statement takes too long, and doubled
  /// again step by step.
  var bulkMax = PostgresDatabase.bulkMost
  /// From which time on the outbox is searched.
  var outboxFloor = OutboxFloor()
  /// From which time on the requests to repair the cache are searched.
  var repairFloor = OutboxFloor()

  static let bulkMost = 1_000

  /// A database that connects once it runs. `published` is shared by the loops of the process.
  /// Throws if the URL can't be read.
  public init(
    _ configuration: PostgresConfiguration, loop: EventLoop, published: PublishedChanges,
    metrics: PostgresMetrics, logger: Logger
  ) throws(PostgresURLError) {
    try configuration.check()
    self.configuration = configuration
    self.loop = loop
    self.published = published
    self.metrics = metrics
    pool = Pool(configuration, loop: loop, metrics: metrics, logger: logger)
  }

  /// Keeps connections, on the loop, until the task is cancelled; then closes them. Tables are
  /// brought up to date first. While the database is away, calls fail and connecting continues.
  public func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.pool.run() }
      group.addTask { await self.pool.keepTime() }
      group.addTask { await self.settlePublished() }
    }
  }

  /// What the database's clock says now, as far as it is known here: the clock itself may be a
  /// little ahead of it, but not behind. Nil: no reading has arrived yet. For any thread; costs no
  /// exchange.
  public nonisolated var clock: Timestamp? {
    pool.clock.now.map { Timestamp(microseconds: $0) }
  }

  /// The name of the database's product in traces (OpenTelemetry's `db.system.name`). For any
  /// thread.
  public nonisolated var productName: String { pool.product.name }
}

// MARK: - Migrating

extension PostgresDatabase {
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
    var retrying = Retrying(within: duration)
    while true {
      let failure: ExchangeError
      do throws(ExchangeError) {
        return try await migrate(configuration, &connector, loop: loop)
      } catch {
        failure = error
      }
      guard let pause = retrying.next() else {
        throw .unavailable(cause: failure.cause, retryAfter: 1)
      }
      try? await Task.sleep(for: pause)
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
  /// Waits before the next attempt of a call; throws `failure` if there is no time for one.
  func pause(
    _ retrying: inout Retrying, after failure: StoreError
  ) async throws(StoreError) {
    guard let wait = retrying.next() else { throw failure }
    await loop.pause(for: wait)
  }

  /// What an error means to a caller for whom nothing was written.
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
  /// An unknown outcome is reported only when the write can no longer take effect: then it is sure
  /// to come before any write that replaces it.
  func failure(
    _ error: ExchangeError, mayBeCommitted: Bool, as commit: OutboxID? = nil,
    since start: ContinuousClock.Instant
  ) async -> StoreError {
    noteWriting(trouble: error)
    guard mayBeCommitted, error.leavesOutcomeUnknown else { return unwritten(error) }
    metrics.unknownOutcomes.add()
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

/// The pauses between attempts: none before the second one, then those of a `Backoff`.
struct Pauses {
  private var backoff: Backoff?

  mutating func next() -> Duration {
    if let pause = backoff?.next() { return pause }
    backoff = Backoff(first: .milliseconds(50), longest: .seconds(1))
    return .zero
  }
}

/// The attempts of one call.
struct Retrying {
  private let end: ContinuousClock.Instant
  private var pauses = Pauses()

  /// Attempts begin within `duration` from now.
  init(within duration: Duration) { end = .now + duration }

  /// How long to wait before the next attempt; nil: there is no time for one.
  mutating func next() -> Duration? { ContinuousClock.now < end ? pauses.next() : nil }
}

/// Which of the databases that speak PostgreSQL's protocol the server is. Any thread may ask.
final class DatabaseProduct: Sendable {
  private let isCockroach = Atomic<Bool>(false)

  /// Takes the answer to `SELECT version()`.
  /// - Returns: whether it is CockroachDB's.
  func hear(version: String) -> Bool {
    let isCockroach = version.hasPrefix("CockroachDB")
    self.isCockroach.store(isCockroach, ordering: .relaxed)
    return isCockroach
  }

  /// OpenTelemetry's name; PostgreSQL's until a server has answered.
  var name: String { isCockroach.load(ordering: .relaxed) ? "cockroachdb" : "postgresql" }
}
