/// What kv-worker does for queued writes.
extension Store {
  /// Applies queued writes in one transaction, each exactly once, and tells the cache and the feed.
  ///
  /// One result a write, in order. Called again with the same writes after an error it finishes
  /// what was left. Errors: `unavailable`, `overloaded`, `outcomeUnknown`; `rejected` when one of
  /// them can never be applied, and then none was.
  public func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    let applied = try await database.apply(queued)
    precondition(applied.count == queued.count, "One result a write")
    var committed = CommittedChanges()
    var attempted: [Key] = []
    for (write, result) in zip(queued, applied) {
      if let outcome = result.outcome {
        committed.append(write.write, outcome, result.outbox)
      } else if write.attempt != nil, result.record.state == .applied {
        attempted.append(write.write.key)
      }
    }
    await publisher.publish(committed)
    // What took effect before it was queued has told nobody. Whoever relays its change tells the
    // cache, too; but from now on its client may know that it was applied. Should this fail, the
    // change waits until it is relayed.
    if !attempted.isEmpty { _ = try? await refreshCache(attempted, from: database) }
    return applied
  }
}
