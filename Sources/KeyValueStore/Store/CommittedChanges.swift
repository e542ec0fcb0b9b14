/// What a commit changed: for the cache and for the feed, in the order of the commit.
struct CommittedChanges {
  private(set) var updates: [CacheUpdate] = []
  private(set) var changes: [Change] = []

  init() {}

  /// What a batch left behind: the last state of each key that it wrote.
  ///
  /// The states in between were never visible, so neither cache nor watchers hear of them.
  init(of batch: Batch, receipt: BatchReceipt) {
    guard case .completed(let outcomes) = receipt.outcome else { return }
    precondition(outcomes.count == batch.operations.count, "One outcome an operation")
    var seen: Set<Key> = []
    var last: [(write: Write, outcome: WriteOutcome)] = []
    for (operation, outcome) in zip(batch.operations, outcomes).reversed() {
      guard case .write(let write) = operation, case .write(let outcome) = outcome,
        outcome.hasWritten, seen.insert(write.key).inserted
      else { continue }
      last.append((write, outcome))
    }
    for (write, outcome) in last.reversed() {
      append(write, outcome: outcome, isReplayed: receipt.isReplayed)
    }
  }

  /// Entries that a round of purging turned into tombstones.
  init(purged: [Change]) {
    changes = purged
    updates = purged.map { CacheUpdate(key: $0.key, lookup: .absent($0.revision)) }
  }

  /// Adds a write's change, if it has changed anything.
  ///
  /// Of a replayed one only the cache is told: whoever carried it out may not have lived to do it,
  /// and the answer promises that it can be read. Its event is in the outbox then.
  mutating func append(_ write: Write, outcome: WriteOutcome, isReplayed: Bool = false) {
    let published = changes.count
    defer { if isReplayed { changes.removeSubrange(published...) } }
    switch outcome {
    case .stored(let metadata):
      guard case .put(let value, _, _) = write.mutation else {
        preconditionFailure("Only a put stores")
      }
      let entry = Entry(metadata: metadata, value: value)
      updates.append(CacheUpdate(key: write.key, lookup: .found(entry)))
      changes.append(Change(key: write.key, revision: metadata.revision, kind: .put(metadata)))
    case .deleted(let revision):
      updates.append(CacheUpdate(key: write.key, lookup: .absent(revision)))
      changes.append(Change(key: write.key, revision: revision, kind: .delete))
    case .notFound, .preconditionFailed, .idempotencyMismatch:
      break
    }
  }
}
