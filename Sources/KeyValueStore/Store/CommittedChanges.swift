/// What was committed: for the cache and for the feed, in the order of the commits.
struct CommittedChanges {
  private(set) var updates: [CacheUpdate] = []
  /// The changes of each commit.
  private(set) var batches: [OutboxBatch] = []

  init() {}

  /// What a batch left behind: the last state of each key that it wrote.
  ///
  /// The states in between were never visible, so neither cache nor watchers hear of them.
  init(of batch: Batch, receipt: BatchReceipt) {
    guard case .completed(let outcomes) = receipt.outcome else { return }
    precondition(outcomes.count == batch.operations.count, "One outcome an operation")
    for (write, outcome) in batch.lastWrites(outcomes) {
      append(write, outcome, receipt.outbox, isReplayed: receipt.isReplayed)
    }
  }

  /// Entries that a round of purging turned into tombstones.
  init(purged: OutboxBatch) {
    batches = purged.changes.isEmpty ? [] : [purged]
    updates = purged.changes.map { CacheUpdate(key: $0.key, lookup: .absent($0.revision)) }
  }

  /// Adds a write's change, if it has changed anything.
  ///
  /// Of a replayed one the cache is told only that what is older is outdated: whoever carried it
  /// out may not have lived to do that, and the answer promises that the write can be read. What
  /// the write stored may itself have been replaced since. Its event is in the outbox.
  mutating func append(
    _ write: Write, _ outcome: WriteOutcome, _ outbox: OutboxID?, isReplayed: Bool = false
  ) {
    guard let change = outcome.change(of: write.key) else { return }
    if isReplayed {
      updates.append(CacheUpdate(key: write.key, outdatedBefore: change.revision))
      return
    }
    updates.append(CacheUpdate(key: write.key, lookup: outcome.lookup(after: write)))
    // The writes of a call fall into a few commits.
    if let place = batches.lastIndex(where: { $0.id == outbox }) {
      batches[place].changes.append(change)
    } else {
      batches.append(OutboxBatch(id: outbox, changes: [change]))
    }
  }
}

extension WriteOutcome {
  /// What the key holds after a write that has changed it.
  fileprivate func lookup(after write: Write) -> Lookup {
    switch self {
    case .stored(let metadata):
      guard case .put(let value, _, _) = write.mutation else {
        preconditionFailure("Only a put stores")
      }
      // It waited in a queue for longer than it was to live: nobody is to see it.
      if metadata.isExpired(at: metadata.updatedAt) { return .absent(metadata.revision) }
      return .found(Entry(metadata: metadata, value: value))
    case .deleted(let revision): return .absent(revision)
    case .notFound, .preconditionFailed, .idempotencyMismatch:
      preconditionFailure("It has changed nothing")
    }
  }
}

extension Batch {
  /// The last write of each key that changed it, in the order of the batch.
  public func lastWrites(
    _ outcomes: [OperationOutcome]
  ) -> [(write: Write, outcome: WriteOutcome)] {
    var seen: Set<Key> = []
    var last: [(write: Write, outcome: WriteOutcome)] = []
    for (operation, outcome) in zip(operations, outcomes).reversed() {
      guard case .write(let write) = operation, case .write(let outcome) = outcome,
        outcome.hasWritten, seen.insert(write.key).inserted
      else { continue }
      last.append((write, outcome))
    }
    return last.reversed()
  }
}
