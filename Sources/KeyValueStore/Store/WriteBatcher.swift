/// Natural batching of writes: one batch is being committed, the next gathers meanwhile. An idle
/// store commits at once, a busy one commits ever larger batches.
///
/// The work is done by the writers themselves. The first that finds nobody at work leads: it
/// commits a batch for all who wait, hands on to the first of those who came meanwhile, and tells
/// the cache and the feed while that one commits. Then it answers those of its batch. A leader
/// whose task is cancelled carries on, because others depend on it.
final class WriteBatcher {
  private let database: any Database
  /// Whether a commit waits for keys that somebody else is writing.
  private let isPatient: Bool
  private let publisher: CommitPublisher
  private let limits: StoreLimits
  private let observer: any StoreObserver
  private var pending = PendingWrites()
  /// Whether somebody leads. When nobody does, nobody waits.
  private var isLed = false
  /// The last commit's place in the order of publishing.
  private var lastTurn: PublishingTurn?
  /// Commits that the cache and the feed are being told of.
  private var publishing = 0
  /// How long the last commit took, and when it ended.
  private var lastDuration = Duration.zero
  private var lastEnd = ContinuousClock.now
  /// Writers of the last batch, and those who waited at its end: who may be about to write again.
  private var activeWriters = 0

  init(
    database: any Database, isPatient: Bool, publisher: CommitPublisher, limits: StoreLimits,
    observer: any StoreObserver
  ) {
    self.database = database
    self.isPatient = isPatient
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
  private func lead() async -> WriteResult {
    await gather()
    let batch = pending.takeBatch(limits: limits)
    let results = await commit(batch.map(\.write))
    await publish(results, of: batch)
    for (follower, result) in zip(batch, results).dropFirst() {
      // Followers wait from the moment they are pending, so that each has its continuation.
      follower.continuation!.resume(returning: .answered(result))
    }
    return results[0]
  }

  /// Lets all requests that are runnable in this turn of the loop join. Without it, the first of a
  /// burst would go alone and the others wait for its commit: batches of 1 and N by turns.
  ///
  /// Where commits take long, those who have just been answered are waited for, too, for a fraction
  /// of that time: the database does much the same work for few writes as for many, and clients
  /// that write again and again would fall into two halves, each waiting for the other's commit.
  private func gather() async {
    await Task.yield()
    let now = ContinuousClock.now
    // Who has not come back by then is not about to: a store that was idle does not wait.
    guard lastDuration >= limits.gatheringLeast, now - lastEnd < limits.gatheringWindow else {
      return
    }
    let awaited = min(activeWriters, limits.batchWritesMax)
    let end = now + min(lastDuration * limits.gatheringShare, limits.gatheringMost)
    while pending.count < awaited, ContinuousClock.now < end {
      guard (try? await Task.sleep(for: .milliseconds(1))) != nil else { return }
    }
  }

  /// One call of the database: mostly one commit.
  private func commit(_ writes: [Write]) async -> [WriteResult] {
    let bytes = writes.reduce(0) { $0 + $1.weight }
    let start = ContinuousClock.now
    let results = await database.write(each: writes, isPatient: isPatient)
    precondition(results.count == writes.count, "One result a write")
    lastEnd = ContinuousClock.now
    lastDuration = lastEnd - start
    activeWriters = writes.count + pending.count
    observer.writeBatchEnded(
      writes: writes.count, bytes: bytes, duration: lastDuration,
      error: results.lazy.compactMap(\.failure).first)
    return results
  }

  /// Tells the cache and the feed, while the next batch is committed; but when they can't keep up
  /// with the commits, the next batch waits for them.
  private func publish(_ results: [WriteResult], of batch: [PendingWrite]) async {
    var committed = CommittedChanges()
    for (pending, result) in zip(batch, results) {
      guard case .success(let receipt) = result else { continue }
      committed.append(
        pending.write, receipt.outcome, receipt.outbox, isReplayed: receipt.isReplayed)
    }
    let turn = PublishingTurn(after: lastTurn)
    lastTurn = turn
    publishing += 1
    let isAhead = publishing < limits.publishingMax
    if isAhead { handOn() }
    await publisher.publish(committed, in: turn)
    publishing -= 1
    if !isAhead { handOn() }
  }

  /// Lets the first of those who wait lead the next batch.
  private func handOn() {
    if let next = pending.first {
      next.continuation!.resume(returning: .lead)
      next.continuation = nil
    } else {
      isLed = false
    }
  }
}

extension Result {
  /// The error, if it is one.
  var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
