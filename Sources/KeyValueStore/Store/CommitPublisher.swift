/// Updates the cache and the feed after a commit. Neither can fail the write, which is durable
/// already.
struct CommitPublisher {
  let cache: any Cache
  let feed: any ChangeFeed
  /// Nil: no other process reads the cache.
  let repairs: CacheRepairs?
  let observer: any StoreObserver

  /// Returns when readers of the cache see the changes, and the feed has them. `turn` orders the
  /// feed's part among commits that overlap, so that the events of a key are published in the order
  /// of its revisions.
  func publish(_ committed: CommittedChanges, in turn: PublishingTurn? = nil) async {
    // The cache first: a watcher that reads the key after an event finds the change.
    let isCached = await updateCache(
      committed.updates, committedAs: committed.batches.compactMap(\.id))
    await turn?.begin()
    defer { turn?.end() }
    for batch in committed.batches {
      do {
        // Changes that may not be in the cache stay in the outbox, from which kv-worker repairs the
        // cache.
        try await feed.publish(batch.changes, settling: isCached ? batch.id : nil)
      } catch {
        observer.publishFailed(changes: batch.changes.count, error: error)
      }
    }
  }

  /// Returns when readers of the cache see the changes, whichever process updated it; false: no
  /// process can.
  @discardableResult
  func updateCache(_ updates: [CacheUpdate], committedAs ids: [OutboxID]) async -> Bool {
    if updates.isEmpty { return true }
    if await cache.update(updates) { return true }
    observer.cacheUpdateFailed(keys: updates.count)
    guard let repairs else { return false }
    return await repairs.wait(for: ids) { await cache.hasRepaired(updates) }
  }
}

/// A commit's place in the order of publishing. It begins when the previous one has ended.
///
/// Not Sendable: it belongs to one loop.
final class PublishingTurn {
  private var previous: PublishingTurn?
  private var isOver = false
  private var successor: CheckedContinuation<Void, Never>?

  init(after previous: PublishingTurn?) { self.previous = previous }

  /// Waits for the end of the previous turn. At most one turn may follow another.
  func begin() async {
    if let previous, !previous.isOver {
      await withCheckedContinuation { previous.successor = $0 }
    }
    // Otherwise every turn would keep all earlier ones alive.
    previous = nil
  }

  /// Lets the next turn begin.
  func end() {
    isOver = true
    successor?.resume()
    successor = nil
  }
}

/// Committed changes, for the cache and for the feed, in the order of the commits.
struct CommittedChanges {
  private(set) var updates: [CacheUpdate] = []
  /// The changes of each commit.
  private(set) var batches: [OutboxBatch] = []

  init() {}

  /// What a batch wrote. Of each key the cache gets the last state only: those in between were
  /// never visible. Watchers get them, as versions count them: none must seem to be missing.
  init(of batch: Batch, receipt: BatchReceipt) {
    guard case .completed(let outcomes) = receipt.outcome else { return }
    precondition(outcomes.count == batch.operations.count, "One outcome an operation")
    for (index, (write, outcome)) in batch.writesMade(outcomes).enumerated() {
      let previous = index < receipt.previous.count ? receipt.previous[index] : nil
      append(
        write,
        WriteReceipt(
          outcome: outcome, isReplayed: receipt.isReplayed, outbox: receipt.outbox,
          previous: previous))
    }
    var seen: Set<Key> = []
    updates = updates.reversed().filter { seen.insert($0.key).inserted }.reversed()
  }

  /// The entries that a round of purging turned into tombstones.
  init(purged: OutboxBatch) {
    batches = purged.changes.isEmpty ? [] : [purged]
    updates = purged.changes.map { CacheUpdate(key: $0.key, lookup: .absent($0.revision)) }
  }

  /// Adds a write's change, if it has changed anything.
  ///
  /// A replayed write only tells the cache that older entries are outdated. The process that made
  /// it may have died before it updated the cache, and the answer promises that the write can be
  /// read. But the entry that it stored may have been replaced since. Its event is in the outbox.
  mutating func append(_ write: Write, _ receipt: WriteReceipt) {
    let outcome = receipt.outcome
    guard let change = receipt.change(of: write.key) else { return }
    if receipt.isReplayed {
      updates.append(CacheUpdate(key: write.key, outdatedBefore: change.revision))
      return
    }
    // A counter may be added to many times in a commit; only its last sum was ever visible.
    if case .added = outcome, updates.last?.key == write.key { updates.removeLast() }
    updates.append(outcome.update(after: write))
    // The writes of a call fall into a few commits.
    if let place = batches.lastIndex(where: { $0.id == receipt.outbox }) {
      batches[place].changes.append(change)
    } else {
      batches.append(OutboxBatch(id: receipt.outbox, changes: [change]))
    }
  }

  /// Adds a queued write's change, if its delivery has changed anything.
  mutating func append(_ write: Write, _ applied: AppliedWrite) {
    guard let outcome = applied.outcome else { return }
    append(
      write,
      WriteReceipt(outcome: outcome, outbox: applied.outbox, previous: applied.previous))
  }
}

extension WriteOutcome {
  /// What the cache learns from a write that has changed its key.
  fileprivate func update(after write: Write) -> CacheUpdate {
    switch self {
    case .stored(let metadata):
      guard case .put(let value, _, _) = write.mutation else {
        // A patch that has added nothing does not know the value.
        return CacheUpdate(key: write.key, outdatedBefore: metadata.revision)
      }
      // It waited in a queue for longer than its time to live: it is never visible.
      let isOver = metadata.isExpired(at: metadata.updatedAt)
      return CacheUpdate(
        key: write.key,
        lookup: isOver
          ? .absent(metadata.revision) : .found(Entry(metadata: metadata, value: value)))
    case .added(let metadata, let sum):
      return CacheUpdate(
        key: write.key, lookup: .found(Entry(metadata: metadata, value: sum.valueText)))
    case .deleted(let revision):
      return CacheUpdate(key: write.key, lookup: .absent(revision))
    case .notFound, .addRefused, .preconditionFailed, .idempotencyMismatch:
      preconditionFailure("It has changed nothing")
    }
  }
}
