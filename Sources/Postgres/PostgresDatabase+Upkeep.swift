internal import Basics
internal import EventLoop
public import KeyValueStore

// What kv-worker calls, and what runs besides the writes.
extension PostgresDatabase {
  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func recordFailures(of ids: [OperationID]) async throws(StoreError) {
    try await perform(Records.insertFailures(of: ids))
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`.
  public func unpublished(
    olderThan age: Duration, limit: Int
  ) async throws(StoreError) -> [OutboxBatch] {
    let until = try await readClock() - age.microseconds
    try await adoptOldOutbox(until: until)
    let least = outboxFloor.value(at: until)
    let found = try await readApart(Outbox.oldest(after: least, until: until, limit: limit))
      .joined().sorted { $0.committedAt < $1.committedAt }
    outboxFloor.found(found.first?.committedAt, until: until)
    return Array(found.prefix(limit))
  }

  /// Moves what processes of release 0.3 have left in their outbox into today's.
  private func adoptOldOutbox(until time: Int64) async throws(StoreError) {
    try await perform(Outbox.adoption(until: time, as: Outbox.makeID(at: time)))
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func settle(_ ids: [OutboxID]) async throws(StoreError) {
    if ids.isEmpty { return }
    try await perform(Outbox.settlement(ids))
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func requestRepair(after ids: [OutboxID]) async throws(StoreError) {
    if ids.isEmpty { return }
    try await perform(Outbox.repairRequest(ids))
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`.
  public func repairRequests(limit: Int) async throws(StoreError) -> [OutboxBatch] {
    let now = if let clock { clock.microseconds } else { try await readClock() }
    let least = repairFloor.value(at: now)
    // The time in a commit's name may be ahead of the clock.
    let until = now + OutboxFloor.latest
    let query = Outbox.repairs(after: least, until: until, limit: limit)
    let found = Array(try await readApart([query])[0])
    repairFloor.found(found.first?.committedAt, until: now)
    return found
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func endRepair(after ids: [OutboxID]) async throws(StoreError) {
    if ids.isEmpty { return }
    try await perform(Outbox.repairEnd(ids))
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`.
  public func areRepaired(_ ids: [OutboxID]) async throws(StoreError) -> Bool {
    try await readApart([Outbox.openRepairs(ids)])[0].isEmpty
  }

  /// Settles the commits whose changes were published, in bulk and apart from writes, until the
  /// task is cancelled.
  func settlePublished() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.settlingInterval)
      while case let ids = published.take(limit: Self.settledMax), !ids.isEmpty {
        do throws(StoreError) {
          try await perform(Outbox.removal(ids))
        } catch {
          published.add(ids)
          break
        }
      }
    }
  }

  /// Well below the 2 s after which kv-worker takes a row for forgotten.
  private static let settlingInterval = Duration.milliseconds(250)
  private static let settledMax = 1_000

  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    let time = try await readClock() - configuration.retentionSeconds * 1_000_000
    var removed = 0
    for table in Purging.retained {
      for bucket in 0..<SQL.buckets where removed < limit {
        removed += try await perform(
          Purging.removal(from: table, bucket: bucket, before: time, limit: limit - removed))
      }
    }
    for bucket in Outbox.settledBuckets where removed < limit {
      removed += try await perform(
        Purging.removalOfSettled(bucket: bucket, before: time, limit: limit - removed))
    }
    return removed
  }

  /// Performs a write that does no harm when it is repeated, apart from clients' writes. Returns
  /// how many rows the statement returned.
  @discardableResult
  private func perform(_ statement: Statement) async throws(StoreError) -> Int {
    var retrying = Retrying(within: configuration.deadline)
    while true {
      let start = ContinuousClock.now
      let loan: Pool.Loan
      do throws(ExchangeError) { loan = try await pool.lendForQuery() } catch {
        throw unwritten(error)
      }
      do throws(ExchangeError) {
        let results = try await pool.exchange(on: loan.connection, [statement])
        await pool.takeBack(loan, isClean: true)
        return results[0].count
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

/// From which time on the outbox has to be searched: all commits before it were found settled. A
/// commit may take place a moment later than its name says, so the floor stays behind; and from
/// time to time everything is searched again.
struct OutboxFloor {
  private var floor: Int64 = 0
  private var lastWhole: Int64 = 0

  /// How much later than its name says a commit may take place, in µs.
  static let latest: Int64 = 60_000_000
  /// How often everything is searched, in µs.
  private static let wholeInterval: Int64 = 600_000_000

  /// Where to begin a search at `now`.
  mutating func value(at now: Int64) -> Int64 {
    if now - lastWhole > Self.wholeInterval || now < lastWhole {
      (floor, lastWhole) = (0, now)
    }
    return floor
  }

  /// A search until `time` has found the oldest commit that is not settled (nil: there is none).
  mutating func found(_ oldest: Timestamp?, until time: Int64) {
    floor = max(floor, min(oldest?.microseconds ?? time, time) - Self.latest)
  }
}

extension OutboxBatch {
  /// A row of the outbox always has a name.
  fileprivate var committedAt: Timestamp { id?.committedAt ?? Timestamp(microseconds: 0) }
}
