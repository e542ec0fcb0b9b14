/// Serves the requests of clients: reads come from the cache first; writes go to the database, then
/// to the cache, then to the change feed.
///
/// Each event loop has one store, which is not `Sendable`: its methods run where their caller runs,
/// so its state needs no locks. What the loops share is behind the ports and the registry.
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
  let clock: SteadyClock
  /// For the names of operations.
  private var random: any RandomNumberGenerator
  let reads: ReadBatcher
  private let writes: WriteBatcher
  private let patientWrites: WriteBatcher
  private var contended = ContendedKeys()
  private let transactions: TransactionGate
  let removals: TransactionGate
  private var lastAccepted = Timestamp(microseconds: 0)

  /// A store on these ports. All loops of a process share `inFlight`, and `turns`, which is set
  /// where they commit one after the other. `repairs` is set where other processes read the cache,
  /// too, and `tracer` where requests are traced. `random` distinguishes the operations of all
  /// stores.
  public init(
    database: any Database, cache: any Cache, queue: any WriteQueue, feed: any ChangeFeed,
    repairs: CacheRepairs? = nil, turns: CommitTurns? = nil, limits: StoreLimits = StoreLimits(),
    inFlight: IdempotencyRegistry, observer: any StoreObserver, tracer: (any StoreTracer)? = nil,
    now: @escaping WallClock, clock: SteadyClock = .system,
    random: any RandomNumberGenerator = SystemRandomNumberGenerator()
  ) {
    self.database = database
    self.cache = cache
    self.queue = queue
    self.limits = limits
    self.observer = observer
    self.inFlight = inFlight
    self.now = now
    self.clock = clock
    self.random = random
    publisher = CommitPublisher(
      cache: cache, feed: feed, repairs: repairs, observer: observer)
    reads = ReadBatcher(
      database: database, limits: limits, observer: observer, tracer: tracer, clock: clock)
    writes = WriteBatcher(
      database: database, isPatient: false, turns: turns, publisher: publisher, limits: limits,
      observer: observer, tracer: tracer, clock: clock)
    patientWrites = WriteBatcher(
      database: database, isPatient: true, turns: nil, publisher: publisher, limits: limits,
      observer: observer, tracer: tracer, clock: clock)
    transactions = TransactionGate(
      countMax: limits.transactionsMax, bytesMax: limits.transactionBytesMax)
    removals = TransactionGate(countMax: limits.removalsMax, bytesMax: .max)
  }

  /// Writes and reads that wait for a batch, for tests that wait for their arrival.
  var waiting: (writes: Int, readers: Int) {
    (writes.waiting + patientWrites.waiting, reads.waiting)
  }

  // MARK: Reading

  /// What a key holds, from the cache, or from the database if the cache does not know it.
  ///
  /// A default read returns every write acknowledged before it, or something newer. With `isFresh`
  /// the database is read, and the answer is linearizable. Errors: `unavailable`, `overloaded`.
  public func get(_ key: Key, isFresh: Bool = false) async throws(StoreError) -> Reading {
    if isFresh {
      // Does not fill the cache: without a lease, what was read could replace a newer write whose
      // entry has been evicted meanwhile.
      return Reading(entry: try await reads.read(key).entry, source: .database)
    }
    switch await cache.find(key) {
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

  /// Reads a key that the cache does not know, and fills the cache if this reader has the lease.
  private func load(_ key: Key, lease: Lease?) async throws(StoreError) -> Reading {
    let lookup = try await reads.read(key)
    if let lease { await cache.fill(key, with: lookup, lease: lease) }
    return Reading(entry: lookup.entry, source: .database)
  }

  /// What a key holds, for the answer that a queued write was applied. It also updates the cache,
  /// which the worker may not have done yet. Errors: `unavailable`, `overloaded`.
  public func readApplied(_ key: Key) async throws(StoreError) -> Lookup {
    let lookup = try await reads.read(key)
    await publisher.updateCache([CacheUpdate(key: key, lookup: lookup)], committedAs: [])
    return lookup
  }

  /// A page of live entries. Errors: `unavailable`, `overloaded`, `tooSlow`.
  public func list(_ request: PageRequest) async throws(StoreError) -> Page {
    try await database.list(request)
  }

  /// The number of live entries under a prefix. Errors: `unavailable`, `overloaded`, `tooSlow`.
  public func count(prefix: [UInt8]) async throws(StoreError) -> LiveCount {
    try await database.count(prefix: prefix, within: limits.countTime)
  }

  // MARK: Writing

  /// Writes in one commit with other writes of this loop, and returns when the write is durable, in
  /// the cache and published.
  ///
  /// Errors: `unavailable` and `overloaded` (nothing was written), `outcomeUnknown`,
  /// `idempotencyInFlight`.
  public func write(_ write: Write) async throws(StoreError) -> WriteReceipt {
    guard let idempotency = write.idempotency else { return try await commit(write) }
    try inFlight.enter(idempotency.name)
    defer { inFlight.leave(idempotency.name) }
    return try await untilKnown { () async throws(StoreError) in
      try await patientWrites.write(write)
    }
  }

  /// Commits a write in a batch of quick ones. A write that may have to wait goes into a batch of
  /// patient ones: one with an idempotency key, and one of a key that another transaction is
  /// writing.
  private func commit(_ write: Write) async throws(StoreError) -> WriteReceipt {
    if contended.contains(write.key, at: clock.now()) {
      return try await patientWrites.write(write)
    }
    do throws(StoreError) {
      return try await writes.write(write)
    } catch {
      guard case .tooSlow = error else { throw error }
      contended.insert(write.key, at: clock.now())
      return try await patientWrites.write(write)
    }
  }

  /// Executes a batch in one transaction, then updates the cache and publishes what it wrote.
  /// Errors: as `write`.
  public func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    guard let idempotency = batch.idempotency else { return try await transact(batch) }
    try inFlight.enter(idempotency.name)
    defer { inFlight.leave(idempotency.name) }
    return try await untilKnown { () async throws(StoreError) in try await transact(batch) }
  }

  private func transact(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    let weight = batch.weight
    guard transactions.enter(bytes: weight) else {
      observer.refused(.batch)
      throw .overloaded(retryAfter: limits.retryAfter)
    }
    defer { transactions.leave(bytes: weight) }
    let receipt: BatchReceipt
    let start = clock.now()
    do {
      receipt = try await database.execute(batch)
    } catch {
      observer.batchExecuted(
        operations: batch.operations.count, duration: clock.now() - start, error: error)
      throw error
    }
    observer.batchExecuted(
      operations: batch.operations.count, duration: clock.now() - start, error: nil)
    await publisher.publish(CommittedChanges(of: batch, receipt: receipt))
    return receipt
  }

  /// Repeats a step that has an idempotency key until its outcome is known. The database keeps the
  /// outcome with the write: another attempt finds it, or writes for the first time.
  private func untilKnown<Result>(
    _ step: () async throws(StoreError) -> Result
  ) async throws(StoreError) -> Result {
    let unknown: StoreError
    // From the start of the request, because a proxy bounds the whole of it
    // (`proxy_read_timeout`).
    let end = clock.now() + limits.findOutTime
    do throws(StoreError) {
      return try await step()
    } catch {
      guard case .outcomeUnknown = error else { throw error }
      unknown = error
    }
    var pause = Duration.milliseconds(50)
    while clock.now() < end, await clock.wait(pause) {
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

  /// Whether accepted writes may wait: the key may then change without a further request.
  public var keepsQueuedWrites: Bool { queue.keepsWrites }

  /// Accepts a write to be applied later, exactly once, if nothing newer has been written by then.
  ///
  /// Returns when the queue can't lose the write any more. Where the queue applies it at once, the
  /// change is in the cache and published, too. `attempt`: the write was tried before, with an
  /// unknown outcome. It is accepted with the time of that attempt, so that it neither follows
  /// later writes nor happens twice. The operation belongs to `owner`. Errors: `unavailable`,
  /// `overloaded`, `idempotencyInFlight`.
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

  /// A write that was applied at once can be superseded all the same: by a write of the same
  /// microsecond, or by one from before the clock was set back. There is no later write to protect
  /// then, so that this one is accepted again, after the one that prevented it.
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

  /// How often a write is accepted again. Each time, another write of its key was first.
  private static let acceptancesMax = 100

  private func enqueue(
    _ write: Write, at acceptedAt: Timestamp, _ attempt: OutboxID? = nil,
    of owner: OperationOwner
  ) async throws(StoreError) -> Submission {
    let id = OperationID.make(at: acceptedAt, of: owner, random: &random)
    let receipt = try await queue.submit(
      QueuedWrite(id: id, write: write, acceptedAt: acceptedAt, attempt: attempt))
    if case .applied(let applied) = receipt {
      var committed = CommittedChanges()
      committed.append(write, applied)
      await publisher.publish(committed)
    }
    return Submission(id: id, receipt: receipt)
  }

  /// The time, but never the same twice. Acceptance times order the queued writes of a key: of two
  /// writes with the same time, the first would supersede the second. A write that is tried before
  /// it is queued has the time when the attempt begins.
  public func acceptance() -> Timestamp {
    let now = now()
    let next = Timestamp(microseconds: lastAccepted.microseconds + 1)
    // After a clock was set back, its earlier times lie ahead: the new time is used.
    lastAccepted = next > now.adding(seconds: 1) ? now : max(now, next)
    return lastAccepted
  }

  /// The state of an asynchronous write of one of `owners`; nil when unknown or older than its
  /// retention. `everybody` among the owners permits every record.
  /// Errors: `unavailable`, `overloaded`.
  public func operation(
    _ id: OperationID, ofAny owners: [OperationOwner] = [.everybody]
  ) async throws(StoreError) -> OperationRecord? {
    let acceptedAt = id.acceptedAt(ofAny: owners)
    guard acceptedAt != nil || owners.contains(.everybody) else { return nil }
    if let record = try await database.operation(id) { return record }
    // The record is written together with the entry. Until then an accepted operation is queued.
    guard queue.keepsWrites, let acceptedAt,
      now() < acceptedAt.adding(seconds: Store.operationRetention)
    else { return nil }
    return OperationRecord(id: id, state: .queued, revision: nil, updatedAt: acceptedAt)
  }
}

/// What a read found, and where.
public struct Reading: Equatable, Sendable {
  /// The key's live entry; nil if it has none.
  public let entry: Entry?
  public let source: Source

  public enum Source: String, Sendable {
    case cache
    case database
  }

  public init(entry: Entry?, source: Source) {
    self.entry = entry
    self.source = source
  }
}

/// An attempt to write whose outcome is unknown.
public struct Attempt: Equatable, Sendable {
  /// When it began: if the write took effect, then after this time.
  public let startedAt: Timestamp
  /// The commit that it was part of, if it took effect; nil: the commit has no name, or it is not
  /// known.
  public let commit: OutboxID?

  public init(startedAt: Timestamp, commit: OutboxID?) {
    self.startedAt = startedAt
    self.commit = commit
  }
}

/// A write that was accepted to be applied later.
public struct Submission: Equatable, Sendable {
  /// Names the operation at `/operations/{id}`.
  public let id: OperationID
  /// Whether the write waits in a queue or has been applied at once.
  public let receipt: QueueReceipt

  public init(id: OperationID, receipt: QueueReceipt) {
    self.id = id
    self.receipt = receipt
  }
}

/// Keys that another transaction was writing a moment ago. Writes of these keys have to wait, and
/// must not delay others.
struct ContendedKeys {
  /// How long a key is remembered.
  static let lifetime = Duration.seconds(2)
  /// The most keys that are remembered. Others are detected again.
  static let countMax = 1_000

  private var ends: [Key: ContinuousClock.Instant] = [:]

  /// Whether writes of `key` are likely to wait.
  func contains(_ key: Key, at now: @autoclosure () -> ContinuousClock.Instant) -> Bool {
    guard !ends.isEmpty, let end = ends[key] else { return false }
    return now() < end
  }

  /// A write of `key` had to wait.
  mutating func insert(_ key: Key, at now: ContinuousClock.Instant) {
    if ends.count >= Self.countMax { ends = ends.filter { now < $0.value } }
    if ends.count < Self.countMax { ends[key] = now + Self.lifetime }
  }
}
