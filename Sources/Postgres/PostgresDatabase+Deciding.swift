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
    scope.isSerializable = batch.isAtomic
    let (receipt, id) = try await decide(scope, reading: batch) { $0.executeOnce(batch) }
    return BatchReceipt(outcome: receipt.outcome, isReplayed: receipt.isReplayed, outbox: id)
  }

  /// Writes that no statement decides, in one transaction.
  func decide(_ writes: [Write]) async throws(StoreError) -> [WriteReceipt] {
    var scope = Transaction.Scope()
    for write in writes {
      scope.keys.insert(write.key)
      if let name = write.idempotency?.name { scope.names.insert(name) }
    }
    let (receipts, id) = try await decide(scope) { decisions in
      writes.map { decisions.writeOnce($0) }
    }
    return receipts.map { receipt in
      guard receipt.outcome.hasWritten, !receipt.isReplayed else { return receipt }
      return WriteReceipt(outcome: receipt.outcome, outbox: id)
    }
  }

  /// See `Database`. One transaction; or one for each half, if the database takes too long for it.
  /// Errors: `unavailable`, `overloaded`, `outcomeUnknown`; `rejected` if one of the writes can
  /// never be applied: then none was.
  public func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    guard !queued.isEmpty else { return [] }
    var scope = Transaction.Scope()
    for write in queued {
      scope.keys.insert(write.write.key)
      scope.operations.insert(write.id)
      if let attempt = write.attempt { scope.commits.insert(attempt) }
    }
    do throws(StoreError) {
      let (applied, id) = try await decide(scope) { decisions in
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
    let middle = queued.count / 2
    let first = try await apply(Array(queued[..<middle]))
    return first + (try await apply(Array(queued[middle...])))
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    let now = try await readClock()
    let results = try await query { Purging.expired(by: now, limit: limit) }
    let found = results.flatMap { rows in
      (0..<rows.count).map { Purging.expired(rows, $0) }
    }
    let keys = found.sorted { $0.at < $1.at }.prefix(limit).map(\.key)
    if keys.isEmpty { return OutboxBatch(id: nil, changes: []) }
    var scope = Transaction.Scope()
    scope.keys = Set(keys)
    let (changes, id) = try await decide(scope) { decisions in
      keys.compactMap { decisions.expire($0) }
    }
    return OutboxBatch(id: id, changes: changes)
  }

  /// Runs a transaction until it ends without a conflict, or the deadline has passed. Returns what
  /// was decided, and what settles its changes, if there are any.
  private func decide<Result>(
    _ scope: Transaction.Scope, reading batch: Batch? = nil,
    _ body: (inout Decisions) -> Result
  ) async throws(StoreError) -> (Result, OutboxID?) {
    var retrying = Retrying(within: configuration.deadline)
    while true {
      let start = ContinuousClock.now
      var commit: OutboxID?
      let loan: Pool.Loan
      do throws(ExchangeError) { loan = try await pool.lendForTransaction() } catch {
        throw failed(unwritten(error))
      }
      let transaction = Transaction(
        pool: pool, connection: loan.connection, retentionSeconds: configuration.retentionSeconds)
      do throws(ExchangeError) {
        var decisions = try await transaction.begin(scope)
        if let keys = batch.map({ decisions.keysToRead(for: $0) }), !keys.isEmpty {
          decisions.add(try await transaction.values(of: keys))
        }
        let result = body(&decisions)
        let id = Outbox.makeID(at: decisions.now.microseconds)
        commit = id
        try await transaction.commit(decisions, outbox: id)
        await pool.takeBack(loan, isClean: true)
        noteWriting(trouble: nil)
        return (result, decisions.changes.isEmpty ? nil : id)
      } catch {
        await pool.takeBack(loan, isClean: false)
        guard error.isConflict(inTransaction: true) else {
          throw await failure(
            error, mayBeCommitted: transaction.isCommitting, as: commit, since: start)
        }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }
}
