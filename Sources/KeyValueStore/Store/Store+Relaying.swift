/// What kv-worker does for changes that nobody has settled: their process died after the commit,
/// or could not reach the cache or the feed.
extension Store {
  /// One round: refreshes the cache with what the keys hold now, publishes the changes of at most
  /// `limit` commits, and settles them once the feed can't lose them.
  ///
  /// Without the cache, changes wait for it: whoever made them has most likely published them. But
  /// no longer than `patience`, after which the cache has forgotten by itself what it held before
  /// them. Several processes may do this at once; a change is then published more than once.
  /// Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
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
      // Not by the feed's own way, which would leave it open when they are settled.
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

  /// Repairs the cache after commits of processes that can't reach it and wait for that; at most
  /// `limit`. Returns how many there were, 0 when this process can't reach the cache either.
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

  /// Keys that are read at once: no more values than these, of a mebibyte at the most, are held.
  private static let refreshedMax = 16

  /// Tells the cache what keys hold now. False: it is not certain that it knows.
  func refreshCache(
    _ changed: [Key], from database: any Database
  ) async throws(StoreError) -> Bool {
    let keys = Array(Set(changed))
    var isCached = true
    for start in stride(from: 0, to: keys.count, by: Store.refreshedMax) where isCached {
      let part = Array(keys[start..<min(start + Store.refreshedMax, keys.count)])
      var updates: [CacheUpdate] = []
      for (key, result) in zip(part, await database.read(each: part)) {
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
