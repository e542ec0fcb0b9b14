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
    for (write, result) in zip(queued, applied) {
      guard let outcome = result.outcome else { continue }
      committed.append(write.write, outcome, result.outbox)
    }
    await publisher.publish(committed)
    return applied
  }
}
