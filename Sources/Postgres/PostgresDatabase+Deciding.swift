internal import EventLoop
public import KeyValueStore

// Transactions that read rows under lock, decide in Swift, and write the rows back: for batches,
// queued writes, writes with an idempotency key or an uncommon condition, several writes of one
// key, and expiry.
extension PostgresDatabase {
  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`, `rejected`.
  public func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    var scope = Transaction.Scope()
    for operation in batch.operations {
      switch operation {
      case .get(let key): scope.keys.insert(key)
      case .write(let write): scope.keys.insert(write.key)
      }
    }
    if let name = batch.idempotency?.name { scope.names.insert(name) }
    scope.isAtomic = batch.isAtomic
    let (receipt, id) = try await decide(scope, reading: batch) { $0.executeOnce(batch) }
    return BatchReceipt(
      outcome: receipt.outcome, isReplayed: receipt.isReplayed, outbox: id,
      previous: receipt.previous)
  }

  /// Makes writes that no statement decides, or that wait for locks: in one transaction; or in one
  /// for each half, if it fails because of one of the writes. Nothing is tried again after `end`.
  func decide(
    each writes: [Write], until end: ContinuousClock.Instant
  ) async -> [WriteResult] {
    let failure: StoreError
    do throws(StoreError) {
      return try await decide(writes).map { .success($0) }
    } catch {
      failure = error
    }
    let keys = Set(writes.map(\.key)).sorted()
    guard failure.isOfOne, keys.count > 1, ContinuousClock.now < end else {
      return writes.map { _ in .failure(failure) }
    }
    // Both halves at once: neither waits while the other waits for a lock. The writes of a key stay
    // together.
    let middle = keys[keys.count / 2]
    let (first, second) = (writes.filter { $0.key < middle }, writes.filter { $0.key >= middle })
    async let others = decide(each: second, until: end)
    var (results, rest) = (await decide(each: first, until: end)[...], await others[...])
    return writes.map { $0.key < middle ? results.removeFirst() : rest.removeFirst() }
  }

  private func decide(_ writes: [Write]) async throws(StoreError) -> [WriteReceipt] {
    var scope = Transaction.Scope()
    for write in writes {
      scope.keys.insert(write.key)
      if let name = write.idempotency?.name { scope.names.insert(name) }
    }
    let (receipts, id) = try await decide(scope, isDivisible: scope.keys.count > 1) { decisions in
      writes.map { decisions.writeOnce($0) }
    }
    return receipts.map { receipt in
      guard receipt.outcome.hasWritten, !receipt.isReplayed else { return receipt }
      return WriteReceipt(outcome: receipt.outcome, outbox: id, previous: receipt.previous)
    }
  }

  /// See `Database`. One transaction; or one for each half, if the database takes too long for it
  /// or another session holds one of its keys. Errors: `unavailable`, `overloaded`,
  /// `outcomeUnknown`; `rejected` if one of the writes can never be applied: then none was;
  /// `tooSlow` for those that could not be applied, after the others were.
  public func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    try await apply(queued, until: .now + configuration.deadline * Self.deadlinesOfHalving)
  }

  /// For so many deadlines, `apply` looks for the keys that take too long. While other sessions
  /// hold many keys, or a part of the database is away, the queue must not wait for each of them.
  private static let deadlinesOfHalving = 5

  private func apply(
    _ queued: [QueuedWrite], until end: ContinuousClock.Instant
  ) async throws(StoreError) -> [AppliedWrite] {
    guard !queued.isEmpty else { return [] }
    var scope = Transaction.Scope()
    for write in queued {
      scope.keys.insert(write.write.key)
      scope.operations.insert(write.id)
      if let attempt = write.attempt { scope.commits.insert(attempt) }
    }
    do throws(StoreError) {
      let (applied, id) = try await decide(scope, isDivisible: scope.keys.count > 1) { decisions in
        queued.map { decisions.apply($0) }
      }
      return applied.map { write in
        var write = write
        if write.outcome?.hasWritten == true { write.outbox = id }
        return write
      }
    } catch {
      guard case .tooSlow = error, queued.count > 1, ContinuousClock.now < end else { throw error }
    }
    return try await applyHalves(of: queued, keys: scope.keys.sorted(), until: end)
  }

  /// One half is applied even if the other has failed, unless both are of one key, whose writes
  /// keep their order.
  private func applyHalves(
    of queued: [QueuedWrite], keys: [Key], until end: ContinuousClock.Instant
  ) async throws(StoreError) -> [AppliedWrite] {
    guard keys.count > 1 else {
      let middle = queued.count / 2
      let first = try await apply(Array(queued[..<middle]), until: end)
      return first + (try await apply(Array(queued[middle...]), until: end))
    }
    let middle = keys[keys.count / 2]
    var failure: StoreError?
    var (first, second) = (ArraySlice<AppliedWrite>(), ArraySlice<AppliedWrite>())
    // In random order: the time must not be spent on the same keys in every attempt.
    for isFirst in [true, false].shuffled() {
      let half = queued.filter { ($0.write.key < middle) == isFirst }
      do throws(StoreError) {
        let applied = try await apply(half, until: end)[...]
        if isFirst { first = applied } else { second = applied }
      } catch {
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return queued.map {
      $0.write.key < middle ? first.removeFirst() : second.removeFirst()
    }
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    let now = try await readClock()
    let found = try await readApart(Purging.expired(by: now, limit: limit)).joined()
    var keys = found.sorted { $0.expiresAt < $1.expiresAt }.prefix(limit).map(\.key)
    while !keys.isEmpty {
      var scope = Transaction.Scope()
      scope.keys = Set(keys)
      do throws(StoreError) {
        let (changes, id) = try await decide(scope, isDivisible: keys.count > 1) { decisions in
          keys.compactMap { decisions.expire($0) }
        }
        return OutboxBatch(id: id, changes: changes)
      } catch {
        guard case .tooSlow = error, keys.count > 1 else { throw error }
        // A random half: with luck it lacks the key that another session holds.
        keys = Array(keys.shuffled().prefix(keys.count / 2))
      }
    }
    return OutboxBatch(id: nil, changes: [])
  }

  /// Tries a transaction until it ends without a conflict, or the deadline has passed. Returns what
  /// was decided, and the name of its changes, if there are any.
  ///
  /// `isDivisible`: the caller can do less at a time (`tooSlow`), and does so rather than wait for
  /// another session that holds one of the keys.
  private func decide<Result>(
    _ scope: Transaction.Scope, isDivisible: Bool = false, reading batch: Batch? = nil,
    _ body: (inout Decisions) -> Result
  ) async throws(StoreError) -> (Result, OutboxID?) {
    var scope = scope
    // A transaction on many rows conflicts with others more often than one on a single row.
    let patience = batch == nil ? configuration.deadline : configuration.batchDeadline
    let end = ContinuousClock.now + patience
    var retrying = Retrying(within: patience)
    while true {
      let start = ContinuousClock.now
      var commit: OutboxID?
      let loan: Pool.Loan
      do throws(ExchangeError) {
        loan = try await pool.lendForTransaction(waiting: patience - configuration.deadline)
      } catch {
        throw unwritten(error)
      }
      let transaction = Transaction(
        pool: pool, connection: loan.connection, retentionSeconds: configuration.retentionSeconds,
        deadline: max(configuration.deadline, ContinuousClock.now.duration(to: end)))
      do throws(ExchangeError) {
        var decisions = try await transaction.begin(scope)
        if let keys = batch.map({ decisions.keysToRead(for: $0) }), !keys.isEmpty {
          decisions.add(try await transaction.values(of: keys))
        }
        let result = body(&decisions)
        if scope.isAtomic, !scope.isSerializable, decisions.restOnAbsence(of: scope.keys) {
          scope.isSerializable = true
          await pool.takeBack(loan, isClean: false)
          continue
        }
        let id = Outbox.makeID(at: decisions.now.microseconds)
        commit = id
        try await transaction.commit(decisions, outbox: id)
        await pool.takeBack(loan, isClean: true)
        noteWriting(trouble: nil)
        return (result, decisions.changes.isEmpty ? nil : id)
      } catch {
        await pool.takeBack(loan, isClean: false)
        if isDivisible, error.isLockTimeout { throw unwritten(error) }
        guard error.isConflict(inTransaction: true) else {
          throw await failure(
            error, mayBeCommitted: transaction.isCommitting, as: commit, since: start)
        }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }
}

/// A transaction that reads rows under lock, has them decided here, and writes them back: two round
/// trips, or three with values. It needs a connection of its own.
private final class Transaction {
  /// What to lock and to read.
  struct Scope {
    var keys: Set<Key> = []
    var names: Set<String> = []
    var operations: Set<OperationID> = []
    /// Commits that may have made already the writes that are to be decided.
    var commits: Set<OutboxID> = []
    /// Whether everything has to happen at one moment.
    ///
    /// The locks ensure that as long as each key has a row: one that was read, or one that is
    /// inserted while no other transaction has inserted it. A decision that rests on a row that
    /// does not exist, and is not inserted either, has nothing to lock: it takes a serializable
    /// transaction. In those, servers tell transactions apart by pages and spans, not by rows, and
    /// abort many that have nothing to do with each other.
    var isAtomic = false
    var isSerializable = false
  }

  private let pool: Pool
  private let connection: Connection
  private let retentionSeconds: Int64
  /// How long an exchange may take.
  private let deadline: Duration
  /// Whether COMMIT has been sent: from then on only its answer tells whether it took place.
  private(set) var isCommitting = false

  init(pool: Pool, connection: Connection, retentionSeconds: Int64, deadline: Duration) {
    self.pool = pool
    self.deadline = deadline
    self.connection = connection
    self.retentionSeconds = retentionSeconds
  }

  /// Begins, and locks the rows of `scope` that exist.
  func begin(_ scope: Scope) async throws(ExchangeError) -> Decisions {
    let isolation = scope.isSerializable ? "SERIALIZABLE" : "READ COMMITTED"
    var statements = [Statement("BEGIN ISOLATION LEVEL \(isolation)")]
    let states = statements.add(Entries.lock(scope.keys.sorted()))
    let kept =
      scope.names.isEmpty ? nil : statements.add(Records.lockOutcomes(named: scope.names.sorted()))
    // Behind the locks of their keys, so that none of these commits can take place any more.
    let commits =
      scope.commits.isEmpty ? nil : statements.add(Outbox.commits(Array(scope.commits)))
    let ids = scope.operations.sorted { $0.text < $1.text }
    let records = ids.isEmpty ? nil : statements.add(Records.operations(ids))
    // Behind the locks: what other transactions wrote before them is older than this time.
    let now = statements.add(SQL.clockReading)
    let least = pool.clock.now
    let results = try await pool.exchange(on: connection, statements, within: deadline)
    let time = now.rows(in: results)[0]
    pool.clock.hear(time, least: least)
    return Decisions(
      now: Timestamp(microseconds: time), retentionSeconds: retentionSeconds,
      states: states.rows(in: results), kept: kept?.rows(in: results) ?? [],
      records: records?.rows(in: results).compactMap { $0 } ?? [],
      commits: commits?.rows(in: results) ?? [])
  }

  /// The values of keys that are locked.
  func values(of keys: [Key]) async throws(ExchangeError) -> [(key: Key, value: [UInt8])] {
    let query = Entries.values(keys)
    let results = try await pool.exchange(on: connection, [query.statement], within: deadline)
    return Array(query.rows(of: results[0]))
  }

  /// Writes back what was decided, and commits.
  func commit(_ decisions: Decisions, outbox id: OutboxID) async throws(ExchangeError) {
    isCommitting = !decisions.isEmpty
    let statements = decisions.statements(outbox: id)
    _ = try await pool.exchange(
      on: connection, statements + [Statement("COMMIT")], within: deadline)
  }
}

/// Where the rows of a query are among the results of an exchange.
private struct Answer<Row> {
  let query: Query<Row>
  let index: Int

  func rows(in results: [ResultSet]) -> [Row] { Array(query.rows(of: results[index])) }
}

extension [Statement] {
  fileprivate mutating func add<Row>(_ query: Query<Row>) -> Answer<Row> {
    append(query.statement)
    return Answer(query: query, index: count - 1)
  }
}
