/// Natural batching of writes: one batch is in flight, the next gathers meanwhile. There is no
/// timer: an idle store commits at once, a busy one commits ever larger batches.
///
/// The work is done by the writers themselves. The first that finds nobody at work leads: it
/// carries out a batch for all who wait, answers them, and hands on to the first of those who came
/// meanwhile. A leader whose task is cancelled carries on, because others depend on it.
final class WriteBatcher {
  private let database: any Database
  private let publisher: CommitPublisher
  private let limits: StoreLimits
  private let observer: any StoreObserver
  private var pending = PendingWrites()
  /// Whether somebody leads. When nobody does, nobody waits.
  private var isLed = false

  init(
    database: any Database, publisher: CommitPublisher, limits: StoreLimits,
    observer: any StoreObserver
  ) {
    self.database = database
    self.publisher = publisher
    self.limits = limits
    self.observer = observer
  }

  var waiting: Int { pending.count }

  /// Writes, and returns once the commit is durable, in the cache and published.
  func write(_ write: Write) async throws(StoreError) -> WriteReceipt {
    let mine = PendingWrite(write)
    guard pending.hasRoom(for: mine.weight, limits: limits) else {
      observer.refused(.write)
      throw .overloaded(retryAfter: limits.retryAfter)
    }
    pending.append(mine)
    if isLed {
      let turn = await withCheckedContinuation { mine.continuation = $0 }
      if case .answered(let result) = turn { return try result.get() }
    } else {
      isLed = true
    }
    return try await lead().get()
  }

  /// Carries out the batch whose first write is the leader's own, and hands on.
  private func lead() async -> Result<WriteReceipt, StoreError> {
    // Lets all requests that are runnable in this turn of the loop join. Without it, the first of a
    // burst would go alone and the others wait for its commit: batches of 1 and N by turns.
    await Task.yield()
    let batch = pending.takeBatch(limits: limits)
    let results = await commit(batch)
    for (follower, result) in zip(batch, results).dropFirst() {
      // Followers wait from the moment they are pending, so that each has its continuation.
      follower.continuation!.resume(returning: .answered(result))
    }
    if let next = pending.first {
      next.continuation!.resume(returning: .lead)
      next.continuation = nil
    } else {
      isLed = false
    }
    return results[0]
  }

  /// One commit, and what follows from it; its failure is the failure of each of its writes.
  private func commit(_ batch: [PendingWrite]) async -> [Result<WriteReceipt, StoreError>] {
    let writes = batch.map(\.write)
    let bytes = batch.reduce(0) { $0 + $1.weight }
    let start = ContinuousClock.now
    let receipts: [WriteReceipt]
    do {
      receipts = try await database.write(writes)
    } catch {
      observer.writeBatchEnded(
        writes: writes.count, bytes: bytes, duration: ContinuousClock.now - start, error: error)
      return batch.map { _ in .failure(error) }
    }
    observer.writeBatchEnded(
      writes: writes.count, bytes: bytes, duration: ContinuousClock.now - start, error: nil)
    precondition(receipts.count == writes.count, "One receipt a write")
    var committed = CommittedChanges()
    for (write, receipt) in zip(writes, receipts) {
      committed.append(write, outcome: receipt.outcome, isReplayed: receipt.isReplayed)
    }
    await publisher.publish(committed)
    return receipts.map { .success($0) }
  }
}
