/// The work of kv-worker: it applies queued writes, and finishes the work of processes that died
/// after a commit or could not reach the cache or the feed.
extension Store {
  /// Applies queued writes in one transaction, each exactly once, and updates the cache and the
  /// feed.
  ///
  /// Returns one result for each write, in order. After an error, a call with the same writes
  /// applies those that are left. Errors: `unavailable`, `overloaded`, `outcomeUnknown`; `rejected`
  /// when one of the writes can never be applied, and then none was.
  public func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    let applied = try await database.apply(queued)
    precondition(applied.count == queued.count, "One result a write")
    var committed = CommittedChanges()
    var attempted: [Key] = []
    for (write, result) in zip(queued, applied) {
      if result.outcome != nil {
        committed.append(write.write, result)
      } else if write.attempt != nil, result.record.state == .applied {
        attempted.append(write.write.key)
      }
    }
    await publisher.publish(committed)
    // A write that took effect before it was queued has not been published. The relay of its
    // change updates the cache, too, but from now on the client may know that it was applied. If
    // this update fails, the change waits for the relay.
    if !attempted.isEmpty { _ = try? await refreshCache(attempted, from: database) }
    return applied
  }

  /// One round for changes in the outbox that are at least `age` old: refreshes the cache with what
  /// the keys hold now, publishes the changes of at most `limit` commits, and settles them once the
  /// feed can't lose them.
  ///
  /// While the cache is away, changes wait for it, because the process that made them has most
  /// likely published them. They wait no longer than `patience`: by then, what the cache held
  /// before them has expired. Several processes may relay at once; a change is then published more
  /// than once. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func relay(
    from database: any SharedDatabase, olderThan age: Duration, patience: Duration, limit: Int
  ) async throws(StoreError) -> RelayReport {
    let found = try await database.unpublished(olderThan: age, limit: limit)
    let isCached = try await refreshCache(found.flatMap { $0.changes.map(\.key) }, from: database)
    let (seconds, _) = patience.components
    let now = now()
    var settled: [OutboxBatch] = []
    for batch in found {
      let isForgotten = batch.committedAt.map { $0.adding(seconds: seconds) <= now } ?? true
      guard isCached || isForgotten else { continue }
      // Not settled by the feed, which does not tell when it settles them.
      try await publisher.feed.publish(batch.changes, settling: nil)
      settled.append(batch)
    }
    if !settled.isEmpty {
      try await publisher.feed.flush()
      try await database.settle(settled.compactMap(\.id))
    }
    return RelayReport(
      batches: found.count, found: found.reduce(0) { $0 + $1.changes.count },
      settled: settled.reduce(0) { $0 + $1.changes.count },
      oldest: found.compactMap(\.committedAt).min())
  }

  /// Repairs the cache after at most `limit` commits of processes that can't reach it and wait for
  /// the repair. Returns their number, or 0 when this process can't reach the cache either.
  /// Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func repairCache(
    from database: any SharedDatabase, limit: Int
  ) async throws(StoreError) -> Int {
    let found = try await database.repairRequests(limit: limit)
    guard !found.isEmpty,
      try await refreshCache(found.flatMap { $0.changes.map(\.key) }, from: database)
    else { return 0 }
    try await database.endRepair(after: found.compactMap(\.id))
    return found.count
  }

  /// Keys that are read at once. It bounds the values in memory, of one mebibyte each at most.
  private static let refreshedMax = 16

  /// Updates the cache with what keys hold now. False: the cache may not have it.
  private func refreshCache(
    _ changed: [Key], from database: any Database
  ) async throws(StoreError) -> Bool {
    let keys = Set(changed).sorted()
    var isCached = true
    for start in stride(from: 0, to: keys.count, by: Store.refreshedMax) where isCached {
      let part = Array(keys[start..<min(start + Store.refreshedMax, keys.count)])
      var updates: [CacheUpdate] = []
      for (key, result) in zip(part, await database.read(each: part, clock: clock)) {
        updates.append(CacheUpdate(key: key, lookup: try result.get()))
      }
      isCached = await cache.update(updates)
    }
    return isCached
  }
}

extension OutboxBatch {
  fileprivate var committedAt: Timestamp? { id?.committedAt }
}

/// The result of one round of relaying.
public struct RelayReport: Equatable, Sendable {
  /// Commits that were not settled.
  public let batches: Int
  /// The changes of these commits.
  public let found: Int
  /// Those of the changes that are settled now.
  public let settled: Int
  /// The time of the oldest of these commits; nil: there was none.
  public let oldest: Timestamp?

  public init(batches: Int, found: Int, settled: Int, oldest: Timestamp?) {
    self.batches = batches
    self.found = found
    self.settled = settled
    self.oldest = oldest
  }
}
