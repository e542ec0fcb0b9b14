/// Carries out what clients ask for: reads from the cache first, writes to the database, then the
/// cache, then the change feed.
///
/// One store lives on each event loop and is not `Sendable`: its methods run where their caller
/// runs, so its state needs no locks. What several loops share is behind the ports and the
/// registry.
public final class Store {
  let database: any Database
  let cache: any Cache
  let queue: any WriteQueue
  let limits: StoreLimits
  let observer: any StoreObserver
  let publisher: CommitPublisher
  private let inFlight: IdempotencyRegistry
  /// The time of day as this node has it.
  public let now: WallClock
  private let reads: ReadBatcher
  private let writes: WriteBatcher
  private let patientWrites: WriteBatcher
  private var contended = ContendedKeys()
  private let transactions: TransactionGate
  private var lastAccepted = Timestamp(microseconds: 0)

  /// A store on these ports; `inFlight` is the process's, shared by its loops. `repairs`: other
  /// processes read the cache, too.
  public init(
    database: any Database, cache: any Cache, queue: any WriteQueue, feed: any ChangeFeed,
    repairs: CacheRepairs? = nil, limits: StoreLimits = StoreLimits(),
    inFlight: IdempotencyRegistry, observer: any StoreObserver, now: @escaping WallClock
  ) {
    self.database = database
    self.cache = cache
    self.queue = queue
    self.limits = limits
    self.observer = observer
    self.inFlight = inFlight
    self.now = now
    publisher = CommitPublisher(
      cache: cache, feed: feed, repairs: repairs, observer: observer)
    reads = ReadBatcher(database: database, limits: limits, observer: observer)
    writes = WriteBatcher(
      database: database, isPatient: false, publisher: publisher, limits: limits,
      observer: observer)
    patientWrites = WriteBatcher(
      database: database, isPatient: true, publisher: publisher, limits: limits,
      observer: observer)
    transactions = TransactionGate(
      countMax: limits.transactionsMax, bytesMax: limits.transactionBytesMax)
  }

  /// Writes and reads that wait for a batch, for tests that must know who has arrived.
  var waiting: (writes: Int, readers: Int) {
    (writes.waiting + patientWrites.waiting, reads.waiting)
  }

  // MARK: Reading

  /// What a key holds: by default what the cache says, else the database.
  ///
  /// A default read returns every write acknowledged before it, or something newer. With `isFresh`
  /// the database is read, and the answer is linearizable. Errors: `unavailable`, `overloaded`.
  public func get(_ key: Key, isFresh: Bool = false) async throws(StoreError) -> Reading {
    if isFresh {
      // Leaves the cache alone: without a lease, what was read could cover a newer write whose
      // cached entry has been evicted meanwhile.
      return Reading(entry: try await reads.read(key).entry, source: .database)
    }
    switch await cache.look(up: key) {
    case .hit(.found(let entry)):
      if let expiresAt = entry.metadata.expiresAt, expiresAt <= now() {
        observer.cacheAnswered(.expired)
        return Reading(entry: nil, source: .cache)
      }
      observer.cacheAnswered(.hit)
      return Reading(entry: entry, source: .cache)
    case .hit(.absent):
      observer.cacheAnswered(.hit)
      return Reading(entry: nil, source: .cache)
    case .miss(let lease):
      observer.cacheAnswered(.miss)
      return try await load(key, lease: lease)
    }
  }

  /// Reads a key that the cache does not know, and fills it in if this reader holds the lease.
  private func load(_ key: Key, lease: Lease?) async throws(StoreError) -> Reading {
    let lookup = try await reads.read(key)
    if let lease { await cache.fill(key, with: lookup, lease: lease) }
    return Reading(entry: lookup.entry, source: .database)
  }

  /// What a key holds, for whoever is to be told that a queued write was applied: the worker that
  /// has applied it may not have told the cache yet. Errors: `unavailable`, `overloaded`.
  public func readApplied(_ key: Key) async throws(StoreError) -> Lookup {
    let lookup = try await reads.read(key)
    await publisher.tellCache([CacheUpdate(key: key, lookup: lookup)], committedAs: [])
    return lookup
  }

  /// Live entries in byte order of their keys. Errors: `unavailable`, `overloaded`.
  public func list(_ request: PageRequest) async throws(StoreError) -> Page {
    try await database.list(request)
  }

  // MARK: Writing

  /// Carries out a write, in one commit with others of this loop, and returns when it is durable,
  /// the cache is up to date and its change has been published.
  ///
  /// Errors: `unavailable` and `overloaded` (nothing was written), `outcomeUnknown`,
  /// `idempotencyInFlight`.
  public func write(_ write: Write) async throws(StoreError) -> WriteReceipt {
    guard let idempotency = write.idempotency else { return try await commit(write) }
    try inFlight.enter(idempotency.name)
    defer { inFlight.leave(idempotency.name) }
    return try await findOut { () async throws(StoreError) in
      try await patientWrites.write(write)
    }
  }

  /// Commits a write with the others that are quick. What may have to wait does so among its like:
  /// a write whose idempotency key is looked up, and one of a key that somebody else is writing.
  private func commit(_ write: Write) async throws(StoreError) -> WriteReceipt {
    if contended.contains(write.key, at: .now) { return try await patientWrites.write(write) }
    do throws(StoreError) {
      return try await writes.write(write)
    } catch {
      guard case .tooSlow = error else { throw error }
      contended.insert(write.key, at: .now)
      return try await patientWrites.write(write)
    }
  }

  /// Carries out a batch in one transaction, then updates the cache and publishes the last state of
  /// each key that it wrote. Errors: as `write`.
  public func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    guard let idempotency = batch.idempotency else { return try await transact(batch) }
    try inFlight.enter(idempotency.name)
    defer { inFlight.leave(idempotency.name) }
    return try await findOut { () async throws(StoreError) in try await transact(batch) }
  }

  private func transact(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    let weight = batch.weight
    guard transactions.enter(bytes: weight) else {
      observer.refused(.batch)
      throw .overloaded(retryAfter: limits.retryAfter)
    }
    defer { transactions.leave(bytes: weight) }
    let receipt: BatchReceipt
    let start = ContinuousClock.now
    do {
      receipt = try await database.execute(batch)
    } catch {
      observer.batchExecuted(
        operations: batch.operations.count, duration: ContinuousClock.now - start, error: error)
      throw error
    }
    observer.batchExecuted(
      operations: batch.operations.count, duration: ContinuousClock.now - start, error: nil)
    await publisher.publish(CommittedChanges(of: batch, receipt: receipt))
    return receipt
  }

  /// Carries out a step that has an idempotency key until its outcome is known: the database keeps
  /// that with the write, so that trying again finds it, or writes for the first time.
  private func findOut<Result>(
    _ step: () async throws(StoreError) -> Result
  ) async throws(StoreError) -> Result {
    let unknown: StoreError
    // From the start: whoever asks has a bound of its own on the whole (`proxy_read_timeout`).
    let end = ContinuousClock.now + limits.findOutTime
    do throws(StoreError) {
      return try await step()
    } catch {
      guard case .outcomeUnknown = error else { throw error }
      unknown = error
    }
    var pause = Duration.milliseconds(50)
    while ContinuousClock.now < end, (try? await Task.sleep(for: pause)) != nil {
      pause = min(pause * 2, .seconds(1))
      do throws(StoreError) {
        return try await step()
      } catch {
        switch error {
        case .outcomeUnknown, .unavailable, .tooSlow, .overloaded: continue
        case .idempotencyInFlight, .rejected: throw error
        }
      }
    }
    throw unknown
  }

  /// Whether accepted writes may wait: what a key holds is then not all that is to come.
  public var keepsQueuedWrites: Bool { queue.keepsWrites }

  /// Accepts a write to be applied later, exactly once, if nothing newer has been written by then.
  ///
  /// Returns when the queue will not lose it any more. Where the queue applies at once, the cache
  /// is up to date and the change published too. `attempt`: the write has been tried before, with
  /// an unknown outcome. It is accepted as of then, for it must neither follow what was written
  /// since nor happen twice. The operation is `owner`'s. Errors: `unavailable`, `overloaded`,
  /// `idempotencyInFlight`.
  public func submit(
    _ write: Write, after attempt: Attempt? = nil, of owner: OperationOwner = .everybody
  ) async throws(StoreError) -> Submission {
    guard let idempotency = write.idempotency else {
      return try await accept(write, attempt, of: owner)
    }
    try inFlight.enter(idempotency.name)
    defer { inFlight.leave(idempotency.name) }
    return try await accept(write, attempt, of: owner)
  }

  /// A write that never waited can be superseded all the same: by one of this very moment, or by
  /// one from before the clock was set back. There is no later write to protect then, so it is
  /// accepted once more, after the one that stood in its way.
  private func accept(
    _ write: Write, _ attempt: Attempt?, of owner: OperationOwner
  ) async throws(StoreError) -> Submission {
    if let attempt {
      return try await enqueue(write, at: attempt.startedAt, attempt.commit, of: owner)
    }
    var submission = try await enqueue(write, at: acceptance(), of: owner)
    for _ in 0..<Store.acceptancesMax {
      guard case .applied(let applied) = submission.receipt,
        applied.record.state == .superseded, let newer = applied.record.revision
      else { break }
      let next = Timestamp(microseconds: newer.number + 1)
      submission = try await enqueue(write, at: max(acceptance(), next), of: owner)
    }
    return submission
  }

  /// How long operations are remembered, in seconds: 24 h.
  private static let operationRetention: Int64 = 86_400

  /// How often a write is accepted once more. Each time another write of its key came before it.
  private static let acceptancesMax = 100

  private func enqueue(
    _ write: Write, at acceptedAt: Timestamp, _ attempt: OutboxID? = nil,
    of owner: OperationOwner
  ) async throws(StoreError) -> Submission {
    var random = SystemRandomNumberGenerator()
    let id = OperationID.make(at: acceptedAt, of: owner, random: &random)
    let receipt = try await queue.submit(
      QueuedWrite(id: id, write: write, acceptedAt: acceptedAt, attempt: attempt))
    if case .applied(let applied) = receipt, let outcome = applied.outcome {
      var committed = CommittedChanges()
      committed.append(write, outcome, applied.outbox)
      await publisher.publish(committed)
    }
    return Submission(id: id, receipt: receipt)
  }

  /// The time, but never the same twice: acceptance times order the queued writes of a key, and of
  /// two with the same time the second would be superseded by the first. Of a write that is tried
  /// before it is queued, the time when that begins.
  public func acceptance() -> Timestamp {
    let now = now()
    let next = Timestamp(microseconds: lastAccepted.microseconds + 1)
    // A clock that was set back is followed: what it said before lies ahead of it now.
    lastAccepted = next > now.adding(seconds: 1) ? now : max(now, next)
    return lastAccepted
  }

  /// Where an asynchronous write of one of `owners` stands; nil when unknown or older than its
  /// retention. Where `everybody` is among them, whatever is on record is told.
  /// Errors: `unavailable`, `overloaded`.
  public func operation(
    _ id: OperationID, ofAny owners: [OperationOwner] = [.everybody]
  ) async throws(StoreError) -> OperationRecord? {
    let acceptedAt = id.acceptedAt(ofAny: owners)
    guard acceptedAt != nil || owners.contains(.everybody) else { return nil }
    if let record = try await database.operation(id) { return record }
    // Its record is written together with the entry: until then it waits, if it ever was accepted.
    guard queue.keepsWrites, let acceptedAt,
      now() < acceptedAt.adding(seconds: Store.operationRetention)
    else { return nil }
    return OperationRecord(id: id, state: .queued, revision: nil, updatedAt: acceptedAt)
  }
}
