/// Tells the cache and the feed what was committed. Neither can fail the write: it is durable
/// already.
struct CommitPublisher {
  let cache: any Cache
  let feed: any ChangeFeed
  let observer: any StoreObserver

  /// Returns when readers of the cache see the changes, and the feed has them.
  func publish(_ committed: CommittedChanges) async {
    if committed.updates.isEmpty { return }
    // The cache first: a watcher that reads the key it was told of finds the change.
    let isCached = await cache.update(committed.updates)
    if !isCached { observer.cacheUpdateFailed(keys: committed.updates.count) }
    if committed.changes.isEmpty { return }
    do {
      // What may not be in the cache stays in the outbox, from which kv-worker repairs the cache.
      try await feed.publish(committed.changes, settling: isCached)
    } catch {
      observer.publishFailed(changes: committed.changes.count, error: error)
    }
  }
}
