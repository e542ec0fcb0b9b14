internal import EventLoop
public import KeyValueStore

// What kv-worker asks for, and what goes on beside the writes.
extension PostgresDatabase {
  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func recordFailures(of ids: [OperationID]) async throws(StoreError) {
    try await change { Operations.fail(ids) }
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`.
  public func unpublished(
    olderThan age: Duration, limit: Int
  ) async throws(StoreError) -> [OutboxBatch] {
    let until = try await readClock() - age / .microseconds(1)
    try await adoptOldOutbox(until: until)
    let least = outboxFloor.value(at: until)
    let results = try await query { Outbox.oldest(after: least, until: until, limit: limit) }
    let found = results.flatMap { rows in
      (0..<rows.count).map { Outbox.batch(rows, $0) }
    }.sorted { $0.committedAt < $1.committedAt }
    outboxFloor.found(found.first?.committedAt, until: until)
    return Array(found.prefix(limit))
  }

  /// Moves what processes of release 0.1 have left in their outbox into today's.
  private func adoptOldOutbox(until time: Int64) async throws(StoreError) {
    let id = Outbox.makeID(at: time)
    try await change { Outbox.adoption(until: time, as: id) }
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func settle(_ ids: [OutboxID]) async throws(StoreError) {
    if ids.isEmpty { return }
    try await change { Outbox.settlement(ids) }
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func requestRepair(after ids: [OutboxID]) async throws(StoreError) {
    if ids.isEmpty { return }
    try await change { Outbox.repairRequest(ids) }
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`.
  public func repairRequests(limit: Int) async throws(StoreError) -> [OutboxBatch] {
    let now = if let clock { clock.microseconds } else { try await readClock() }
    let least = repairFloor.value(at: now)
    // A commit's name may be ahead of the clock.
    let until = now + OutboxFloor.latest
    let rows = try await query { [Outbox.repairs(after: least, until: until, limit: limit)] }[0]
    let found = (0..<rows.count).map { Outbox.batch(rows, $0) }
    repairFloor.found(found.first?.committedAt, until: now)
    return found
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func endRepair(after ids: [OutboxID]) async throws(StoreError) {
    if ids.isEmpty { return }
    try await change { Outbox.repairEnd(ids) }
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`.
  public func areRepaired(_ ids: [OutboxID]) async throws(StoreError) -> Bool {
    try await query { [Outbox.openRepairs(ids)] }[0].count == 0
  }

  /// Settles what was published, in bulk and apart from writes, for as long as the task lives.
  func settlePublished() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.settlingInterval)
      while case let ids = published.take(limit: Self.settledMax), !ids.isEmpty {
        do throws(StoreError) {
          try await change { Outbox.removal(ids) }
        } catch {
          published.add(ids)
          break
        }
      }
    }
  }

  /// kv-worker takes rows of 2 s for forgotten.
  private static let settlingInterval = Duration.milliseconds(250)
  private static let settledMax = 1_000

  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    let time = try await readClock() - configuration.retentionSeconds * 1_000_000
    var removed = 0
    for table in Purging.retained {
      for bucket in 0..<SQL.buckets where removed < limit {
        removed += try await change {
          Purging.removal(from: table, bucket: bucket, before: time, limit: limit - removed)
        }.count
      }
    }
    for bucket in Outbox.settledBuckets where removed < limit {
      removed += try await change {
        Purging.removalOfSettled(bucket: bucket, before: time, limit: limit - removed)
      }.count
    }
    return removed
  }

  /// Carries out a statement that does no harm when it is repeated, apart from clients' writes.
  @discardableResult
  private func change(_ make: () -> Statement) async throws(StoreError) -> ResultSet {
    var retrying = Retrying(within: configuration.deadline)
    while true {
      let start = ContinuousClock.now
      let loan: Pool.Loan
      do throws(ExchangeError) { loan = try await pool.lendForQuery() } catch {
        throw failed(unwritten(error))
      }
      do throws(ExchangeError) {
        let results = try await pool.exchange(on: loan.connection, [make()])
        await pool.takeBack(loan, isClean: true)
        return results[0]
      } catch {
        await pool.takeBack(loan, isClean: true)
        guard error.isConflict(inTransaction: false) else {
          throw await failure(error, mayBeCommitted: true, since: start)
        }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }
}

/// From when on the outbox has to be searched: what lies before was found settled. A commit may
/// come a moment later than its name says; and once in a while everything is looked at again.
struct OutboxFloor {
  private var floor: Int64 = 0
  private var lastWhole: Int64 = 0

  /// How much later than its name says a commit may come, in µs.
  static let latest: Int64 = 60_000_000
  /// How often everything is looked at, in µs.
  private static let wholeInterval: Int64 = 600_000_000

  /// Where to begin, at `now`.
  mutating func value(at now: Int64) -> Int64 {
    if now - lastWhole > Self.wholeInterval || now < lastWhole {
      (floor, lastWhole) = (0, now)
    }
    return floor
  }

  /// The oldest commit that is still there (nil: none) of those until `time`.
  mutating func found(_ oldest: Timestamp?, until time: Int64) {
    floor = max(floor, min(oldest?.microseconds ?? time, time) - Self.latest)
  }
}

extension OutboxBatch {
  /// A row of the outbox has a name.
  fileprivate var committedAt: Timestamp { id?.committedAt ?? Timestamp(microseconds: 0) }
}
