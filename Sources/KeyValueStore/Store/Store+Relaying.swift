/// What kv-worker does for changes that nobody has settled: their process died after the commit,
/// or could not reach the cache or the feed.
extension Store {
  /// One round: refreshes the cache with what the keys hold now, publishes the changes, and settles
  /// them once the feed can't lose them.
  ///
  /// Without the cache, changes wait for it: whoever made them has most likely published them. But
  /// no longer than `patience`, after which the cache has forgotten by itself what it held before
  /// them. Several processes may do this at once; a change is then published more than once.
  /// Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func relay(
    from database: any SharedDatabase, olderThan age: Duration, patience: Duration, limit: Int
  ) async throws(StoreError) -> RelayReport {
    let found = try await database.unpublished(olderThan: age, limit: limit)
    guard !found.isEmpty else { return RelayReport(found: 0, settled: 0, oldest: nil) }
    let updates = found.map { CacheUpdate(key: $0.change.key, lookup: $0.current) }
    let isCached = await cache.update(updates)
    let (seconds, _) = patience.components
    let now = now()
    let ready = found.filter { isCached || $0.committedAt.adding(seconds: seconds) <= now }
    if !ready.isEmpty {
      // Not by the feed's own way, which would leave it open when they are settled.
      try await publisher.feed.publish(ready.map(\.change), settling: false)
      try await publisher.feed.flush()
      try await database.settle(
        ready.map { PublishedChanges.Row(key: $0.change.key, revision: $0.change.revision) })
    }
    return RelayReport(
      found: found.count, settled: ready.count, oldest: found.map(\.committedAt).min())
  }
}
