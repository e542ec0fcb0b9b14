/// Tells the cache and the feed what was committed. Neither can fail the write: it is durable
/// already.
struct CommitPublisher {
  let cache: any Cache
  let feed: any ChangeFeed
  let observer: any StoreObserver

  /// Returns when readers of the cache see the changes, and the feed has them.
  func publish(_ committed: CommittedChanges) async {
    if committed.changes.isEmpty { return }
    // The cache first: a watcher that reads the key it was told of finds the change.
    if await !cache.update(committed.updates) {
      observer.cacheUpdateFailed(keys: committed.updates.count)
    }
    do {
      try await feed.publish(committed.changes)
    } catch {
      observer.publishFailed(changes: committed.changes.count, error: error)
    }
  }
}
