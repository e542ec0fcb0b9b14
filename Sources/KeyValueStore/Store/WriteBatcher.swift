/// Natural batching of writes: while one batch is being committed, the next one gathers. An idle
/// store commits at once, a busy one commits larger batches.
///
/// The writers do the work themselves. A writer that finds no leader becomes the leader: it commits
/// a batch for all writers that wait, hands over to the first of those that came meanwhile, and
/// updates the cache and the feed while that one commits. Then it answers the writers of its batch.
/// A leader whose task is cancelled continues, because other writers depend on it.
final class WriteBatcher {
  private let database: any Database
  /// Whether a commit waits for keys that another transaction is writing.
  private let isPatient: Bool
  /// Nil: commits do not wait for those of other loops.
  private let turns: CommitTurns?
  private let publisher: CommitPublisher
  private let limits: StoreLimits
  private let observer: any StoreObserver
  private let tracer: (any StoreTracer)?
  private let clock: SteadyClock
  private var pending = PendingWrites()
  /// Whether there is a leader. Without a leader, no writer waits.
  private var isLed = false
  /// Since when the leader waits for its turn.
  private var awaitsTurnSince: ContinuousClock.Instant?
  /// Whether the commit in progress has the turn.
  private var hasTurn = false
  /// The last commit's place in the order of publishing.
  private var lastTurn: PublishingTurn?
  /// Commits that are being published.
  private var publishing = 0
  /// How long the last commit took, and when it ended.
  private var lastDuration = Duration.zero
  private var lastEnd: ContinuousClock.Instant
  /// The writers of the last batch and those that waited at its end: they may soon write again.
  private var activeWriters = 0

  init(
    database: any Database, isPatient: Bool, turns: CommitTurns?, publisher: CommitPublisher,
    limits: StoreLimits, observer: any StoreObserver, tracer: (any StoreTracer)?,
    clock: SteadyClock
  ) {
    self.database = database
    self.isPatient = isPatient
    self.turns = turns
    self.publisher = publisher
    self.limits = limits
    self.observer = observer
    self.tracer = tracer
    self.clock = clock
    lastEnd = clock.now()
  }

  var waiting: Int { pending.count }

  /// Writes, and returns once the commit is durable, in the cache and published.
  func write(_ write: Write) async throws(StoreError) -> WriteReceipt {
    let mine = PendingWrite(write, origin: tracer?.current)
    guard pending.hasRoom(for: mine.weight, limits: limits) else {
      observer.refused(.write)
      throw .overloaded(retryAfter: limits.retryAfter)
    }
    pending.append(mine)
    if isLed {
      if let since = awaitsTurnSince { hurry(since: since) }
      let turn = await withCheckedContinuation { mine.continuation = $0 }
      if case .answered(let result) = turn { return try result.get() }
    } else {
      isLed = true
    }
    return try await lead().get()
  }

  /// Commits and publishes the batch whose first write is the leader's own.
  private func lead() async -> WriteResult {
    await gather()
    await awaitTurn()
    let batch = pending.takeBatch(limits: limits)
    let results = await carryOut(batch)
    for (follower, result) in zip(batch, results).dropFirst() {
      // A follower waits from the moment it is pending: it has a continuation.
      follower.continuation!.resume(returning: .answered(result))
    }
    return results[0]
  }

  /// Commits and publishes, and has it recorded if one of the requests is.
  private func carryOut(_ batch: [PendingWrite]) async -> [WriteResult] {
    guard let tracer, case let origins = batch.compactMap(\.origin), !origins.isEmpty else {
      return await commitAndPublish(batch)
    }
    return await tracer.follow(.writing(count: batch.count), for: origins) {
      await commitAndPublish(batch)
    }
  }

  private func commitAndPublish(_ batch: [PendingWrite]) async -> [WriteResult] {
    let results = await commit(batch.map(\.write))
    await publish(results, of: batch)
    return results
  }

  /// Lets all requests that are runnable in this turn of the loop join. Otherwise the first one of
  /// a burst would be committed alone while the others wait: batches of 1 and N by turns.
  ///
  /// Where commits take long, the leader also waits for the writers that have just been answered,
  /// for a fraction of that time. The database does nearly the same work for few writes as for
  /// many, and clients that write all the time would split into two halves, each waiting for the
  /// other's commit.
  private func gather() async {
    await Task.yield()
    let now = clock.now()
    // A writer that has not come back within the window will not come soon: after a pause, the
    // store does not wait.
    guard lastDuration >= limits.gatheringLeast, now - lastEnd < limits.gatheringWindow else {
      return
    }
    let awaited = min(activeWriters, limits.batchWritesMax)
    let end = now + min(lastDuration * limits.gatheringShare, limits.gatheringMost)
    while pending.count < awaited, clock.now() < end {
      guard await clock.wait(.milliseconds(1)) else { return }
    }
  }

  /// Waits for the commit of another loop, unless there is enough for one that pays.
  private func awaitTurn() async {
    guard let turns, pending.count < limits.turnWrites else { return }
    let now = clock.now()
    awaitsTurnSince = now
    hasTurn = await turns.begin(ObjectIdentifier(self), at: now)
    awaitsTurnSince = nil
  }

  /// Has the leader go ahead if there is enough now, or it has waited for long.
  private func hurry(since: ContinuousClock.Instant) {
    guard pending.count >= limits.turnWrites || clock.now() - since > limits.turnMost else {
      return
    }
    turns?.giveUp(ObjectIdentifier(self))
  }

  private func endTurn() {
    guard hasTurn else { return }
    hasTurn = false
    turns?.end(at: clock.now(), most: limits.turnMost)
  }

  /// One call of the database, which is one commit in most cases.
  private func commit(_ writes: [Write]) async -> [WriteResult] {
    let bytes = writes.reduce(0) { $0 + $1.weight }
    let start = clock.now()
    let results = await database.write(each: writes, isPatient: isPatient)
    endTurn()
    precondition(results.count == writes.count, "One result a write")
    lastEnd = clock.now()
    lastDuration = lastEnd - start
    activeWriters = writes.count + pending.count
    observer.writeBatchEnded(
      writes: writes.count, bytes: bytes, duration: lastDuration,
      error: results.lazy.compactMap(\.failure).first)
    return results
  }

  /// Updates the cache and the feed while the next batch is committed. When they can't keep up with
  /// the commits, the next batch waits for them.
  private func publish(_ results: [WriteResult], of batch: [PendingWrite]) async {
    var committed = CommittedChanges()
    for (pending, result) in zip(batch, results) {
      guard case .success(let receipt) = result else { continue }
      committed.append(pending.write, receipt)
    }
    let turn = PublishingTurn(after: lastTurn)
    lastTurn = turn
    publishing += 1
    let isAhead = publishing < limits.publishingMax
    if isAhead { handOver() }
    await publisher.publish(committed, in: turn)
    publishing -= 1
    if !isAhead { handOver() }
  }

  /// Makes the first writer that waits the leader of the next batch.
  private func handOver() {
    if let next = pending.first {
      next.continuation!.resume(returning: .lead)
      next.continuation = nil
    } else {
      isLed = false
    }
  }
}

/// A write that waits for its batch, and the task that waits for it.
private final class PendingWrite {
  let write: Write
  let weight: Int
  /// What its task works for, if that is recorded.
  let origin: TraceContext?
  /// Where its task waits; nil for a leader, which does not wait.
  var continuation: CheckedContinuation<WriteTurn, Never>?

  init(_ write: Write, origin: TraceContext?) {
    self.write = write
    self.origin = origin
    weight = write.weight
  }
}

/// Why a waiting writer is resumed: for exactly one of these reasons, exactly once.
private enum WriteTurn: Sendable {
  /// Its batch is done.
  case answered(WriteResult)
  /// It is the first writer that waits, and leads the next batch.
  case lead
}

/// The writes that wait for the next batch, by arrival.
private struct PendingWrites {
  private var writes: [PendingWrite] = []
  private(set) var bytes = 0

  var count: Int { writes.count }

  /// The writer that leads the next batch: a leader is first, and so part of its batch.
  var first: PendingWrite? { writes.first }

  /// Whether a write of `weight` bytes may wait too.
  func hasRoom(for weight: Int, limits: StoreLimits) -> Bool {
    count == 0 || (count < limits.pendingWritesMax && bytes + weight <= limits.pendingBytesMax)
  }

  mutating func append(_ pending: PendingWrite) {
    bytes += pending.weight
    writes.append(pending)
  }

  /// Removes and returns one batch: the oldest writes within the limits, but at least one.
  mutating func takeBatch(limits: StoreLimits) -> [PendingWrite] {
    var taken = 0
    var batchBytes = 0
    for next in writes.prefix(limits.batchWritesMax) {
      if taken > 0, batchBytes + next.weight > limits.batchBytesMax { break }
      taken += 1
      batchBytes += next.weight
    }
    defer {
      writes.removeFirst(taken)
      bytes -= batchBytes
    }
    return Array(writes.prefix(taken))
  }
}

extension Result {
  var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
