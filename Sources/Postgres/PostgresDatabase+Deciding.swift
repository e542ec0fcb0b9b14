internal import EventLoop
public import KeyValueStore

// What is decided here, between reading rows under lock and writing them back: batches, queued
// writes, writes with an idempotency key or an uncommon condition, several writes of one key, and
// expiry.
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
    return BatchReceipt(outcome: receipt.outcome, isReplayed: receipt.isReplayed, outbox: id)
  }

  /// Writes that no statement decides, or that wait for others: in one transaction; or in one for
  /// each half, if one of them is to blame that it fails. Nothing is tried again after `end`.
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
    // Both at once: who waits for a lock is not waited for. Those of a key stay together.
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
      return WriteReceipt(outcome: receipt.outcome, outbox: id)
    }
  }

  /// See `Database`. One transaction; or one for each half, if the database takes too long for it
  /// or somebody else holds a key of it. Errors: `unavailable`, `overloaded`, `outcomeUnknown`;
  /// `rejected` if one of the writes can never be applied: then none was.
  public func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
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
      guard case .tooSlow = error, queued.count > 1 else { throw error }
    }
    return try await applyHalves(of: queued, keys: scope.keys.sorted())
  }

  /// The second half has its turn whatever became of the first, unless both are of one key, whose
  /// writes keep their order.
  private func applyHalves(
    of queued: [QueuedWrite], keys: [Key]
  ) async throws(StoreError) -> [AppliedWrite] {
    guard keys.count > 1 else {
      let middle = queued.count / 2
      let first = try await apply(Array(queued[..<middle]))
      return first + (try await apply(Array(queued[middle...])))
    }
    let middle = keys[keys.count / 2]
    var failure: StoreError?
    var halves: [[AppliedWrite]] = []
    for isFirst in [true, false] {
      do throws(StoreError) {
        halves.append(
          try await apply(queued.filter { ($0.write.key < middle) == isFirst }))
      } catch {
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    var (first, second) = (halves[0][...], halves[1][...])
    return queued.map {
      $0.write.key < middle ? first.removeFirst() : second.removeFirst()
    }
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    let now = try await readClock()
    let results = try await query { Purging.expired(by: now, limit: limit) }
    let found = results.flatMap { rows in
      (0..<rows.count).map { Purging.expired(rows, $0) }
    }
    var keys = found.sorted { $0.at < $1.at }.prefix(limit).map(\.key)
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
        // Any half: one of them lacks the key that somebody else holds.
        keys = Array(keys.shuffled().prefix(keys.count / 2))
      }
    }
    return OutboxBatch(id: nil, changes: [])
  }

  /// Runs a transaction until it ends without a conflict, or the deadline has passed. Returns what
  /// was decided, and what settles its changes, if there are any.
  ///
  /// `isDivisible`: whoever calls makes do with less at a time (`tooSlow`), rather than wait for
  /// somebody who holds one of the keys.
  private func decide<Result>(
    _ scope: Transaction.Scope, isDivisible: Bool = false, reading batch: Batch? = nil,
    _ body: (inout Decisions) -> Result
  ) async throws(StoreError) -> (Result, OutboxID?) {
    var scope = scope
    // Many rows at once are in others' way more often than one, and in theirs.
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
        throw failed(unwritten(error))
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
