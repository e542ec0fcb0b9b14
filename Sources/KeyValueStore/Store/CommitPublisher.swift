/// Tells the cache and the feed what was committed. Neither can fail the write: it is durable
/// already.
struct CommitPublisher {
  let cache: any Cache
  let feed: any ChangeFeed
  /// Nil: no other process reads the cache.
  let repairs: CacheRepairs?
  let observer: any StoreObserver

  /// Returns when readers of the cache see the changes, and the feed has them. `turn` orders the
  /// feed's part among commits that overlap: a key's events leave in the order of its revisions.
  func publish(_ committed: CommittedChanges, in turn: PublishingTurn? = nil) async {
    // The cache first: a watcher that reads the key it was told of finds the change.
    let isCached = await tellCache(
      committed.updates, committedAs: committed.batches.compactMap(\.id))
    await turn?.begin()
    defer { turn?.end() }
    for batch in committed.batches {
      do {
        // What may not be in the cache stays in the outbox, from which kv-worker repairs the cache.
        try await feed.publish(batch.changes, settling: isCached ? batch.id : nil)
      } catch {
        observer.publishFailed(changes: batch.changes.count, error: error)
      }
    }
  }

  /// Returns when readers of the cache see the changes, whoever has told it; false: nobody can.
  @discardableResult
  func tellCache(_ updates: [CacheUpdate], committedAs ids: [OutboxID]) async -> Bool {
    if updates.isEmpty { return true }
    if await cache.update(updates) { return true }
    observer.cacheUpdateFailed(keys: updates.count)
    guard let repairs else { return false }
    return await repairs.wait(for: ids) { await cache.hasRepaired(updates) }
  }
}

/// A commit's place in the order of publishing: it begins when the one before it has ended. Not
/// Sendable: one loop's.
final class PublishingTurn {
  private var previous: PublishingTurn?
  private var isOver = false
  private var successor: CheckedContinuation<Void, Never>?

  /// The turn after `previous`.
  init(after previous: PublishingTurn?) { self.previous = previous }

  /// Waits until it is time. At most one turn may follow another.
  func begin() async {
    if let previous, !previous.isOver {
      await withCheckedContinuation { previous.successor = $0 }
    }
    // Or all turns that ever were would hold on to each other.
    previous = nil
  }

  /// Lets the next one begin.
  func end() {
    isOver = true
    successor?.resume()
    successor = nil
  }
}
