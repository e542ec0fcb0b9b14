internal import EventLoop
public import KeyValueStore

// Batches, and writes with an idempotency key: transactions of several exchanges.
extension PostgresDatabase {
  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`, `rejected`.
  public func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    try await transact { (transaction) async throws(TransactionError) in
      guard let key = batch.idempotency else {
        let outcome = try await transaction.carryOut(batch)
        try await transaction.end(committing: !outcome.isUndone)
        return BatchReceipt(outcome: outcome)
      }
      if let found = try await transaction.claim(key) {
        try await transaction.end(committing: false)
        guard found.fingerprint == key.fingerprint, let kept = BatchOutcome(encoded: found.outcome)
        else { return BatchReceipt(outcome: .idempotencyMismatch) }
        return BatchReceipt(outcome: kept, isReplayed: true)
      }
      let outcome = try await transaction.carryOut(batch)
      try await transaction.keep(outcome.encoded(), under: key)
      return BatchReceipt(outcome: outcome)
    }
  }

  /// Carries out a write with an idempotency key, unless its outcome is kept already.
  func writeOnce(_ write: Write) async throws(StoreError) -> WriteReceipt {
    guard let key = write.idempotency else { preconditionFailure("It has an idempotency key") }
    let batch = Batch(operations: [.write(write)], isAtomic: false)
    return try await transact { (transaction) async throws(TransactionError) in
      if let found = try await transaction.claim(key) {
        try await transaction.end(committing: false)
        guard found.fingerprint == key.fingerprint, let kept = WriteOutcome(encoded: found.outcome)
        else { return WriteReceipt(outcome: .idempotencyMismatch) }
        return WriteReceipt(outcome: kept, isReplayed: true)
      }
      guard case .completed(let outcomes) = try await transaction.carryOut(batch),
        case .write(let outcome) = outcomes[0]
      else { preconditionFailure("A batch that is not atomic has an outcome for each operation") }
      try await transaction.keep(outcome.encoded(), under: key)
      return WriteReceipt(outcome: outcome)
    }
  }

  /// Runs a transaction until it ends without a conflict, or the deadline has passed.
  private func transact<Result>(
    _ body: (Transaction) async throws(TransactionError) -> Result
  ) async throws(StoreError) -> Result {
    let end = ContinuousClock.now + configuration.deadline
    var backoff = Backoff()
    while true {
      let start = ContinuousClock.now
      let loan: Pool.Loan
      do throws(ExchangeError) { loan = try await pool.lendForTransaction() } catch {
        throw failed(unwritten(error))
      }
      let transaction = Transaction(
        pool: pool, connection: loan.connection,
        retention: configuration.retentionSeconds * 1_000_000)
      do throws(TransactionError) {
        let result = try await body(transaction)
        await pool.takeBack(loan, isClean: true)
        return result
      } catch {
        await pool.takeBack(loan, isClean: false)
        let failure = try await self.failure(
          error, committing: transaction.isCommitting, since: start)
        guard ContinuousClock.now < end else { throw failed(failure) }
      }
      await loop.pause(for: backoff.next())
    }
  }

  /// What a failed transaction means when no time is left to try it again; throws at once when that
  /// can't help.
  private func failure(
    _ error: TransactionError, committing: Bool, since start: ContinuousClock.Instant
  ) async throws(StoreError) -> StoreError {
    switch error {
    case .late:
      try? await pool.readClock()
      return .unavailable(cause: "database: the write came too late", retryAfter: 1)
    case .exchange(let error):
      switch error {
      case .closed: return unwritten(error)
      case .refused(let state, _) where state.isConflict: return unwritten(error)
      case .refused(let state, _) where state.isUnknownOutcome && committing:
        throw await unknown(error, since: start)
      case .lost where committing: throw await unknown(error, since: start)
      default: throw failed(unwritten(error))
      }
    }
  }
}

extension BatchOutcome {
  /// Whether nothing of the batch is to stay.
  fileprivate var isUndone: Bool {
    if case .preconditionFailed = self { true } else { false }
  }
}
