// Writes that are queued when that is preferred, or when the database is away.
extension Store {
  /// Writes; if the database is away, queues instead, unless the client forbids it (`isStrict`).
  ///
  /// A write with an unknown outcome is accepted as of the start of its first attempt, so that it
  /// can't undo what was written after that attempt took effect. Errors: as `write`.
  public func writeOrQueue(
    _ write: Write, isStrict: Bool = false, of owner: OperationOwner = .everybody
  ) async throws(StoreError) -> WriteProgress {
    let start = acceptance()
    do throws(StoreError) {
      return .decided(try await self.write(write))
    } catch {
      guard !isStrict, error.allowsQueueing(write) else { throw error }
      do throws(StoreError) {
        return try await queue(write, after: error.attempt(startedAt: start), of: owner)
      } catch let second {
        // Of the two errors, the client gets the one that leaves more open.
        throw second.isOutcomeUnknown ? second : error
      }
    }
  }

  /// Queues; if the queue is away, writes instead: nothing was queued, so nothing happens twice.
  ///
  /// Not for a write with an idempotency key: the database keeps its name in the transaction that
  /// writes. Errors: as `write`.
  public func queueOrWrite(
    _ write: Write, of owner: OperationOwner = .everybody
  ) async throws(StoreError) -> WriteProgress {
    do throws(StoreError) {
      return try await queue(write, after: nil, of: owner)
    } catch {
      guard case .unavailable = error else { throw error }
      return .decided(try await self.write(write))
    }
  }

  private func queue(
    _ write: Write, after attempt: Attempt?, of owner: OperationOwner
  ) async throws(StoreError) -> WriteProgress {
    let submission = try await submit(write, after: attempt, of: owner)
    guard case .applied(let applied) = submission.receipt, let outcome = applied.outcome else {
      return .queued(submission.id)
    }
    return .decided(WriteReceipt(outcome: outcome))
  }
}

/// How far a write has come when its client is answered.
public enum WriteProgress: Equatable, Sendable {
  case decided(WriteReceipt)
  /// It can't be lost, and will be decided later.
  case queued(OperationID)
}

extension StoreError {
  /// Whether a write that failed with this error may be queued instead.
  ///
  /// The queue applies a write only if nothing newer than its acceptance has been written, and its
  /// acceptance is the start of the first attempt. So an unconditional write does no harm if the
  /// first attempt was committed after all. A condition would be tested twice. An idempotent write
  /// fails instead: its client can send it again, and it still happens once.
  fileprivate func allowsQueueing(_ write: Write) -> Bool {
    guard write.idempotency == nil else { return false }
    return switch self {
    case .unavailable, .tooSlow: true
    case .outcomeUnknown: write.condition.isEmpty
    case .overloaded, .idempotencyInFlight, .rejected: false
    }
  }

  fileprivate var isOutcomeUnknown: Bool {
    if case .outcomeUnknown = self { true } else { false }
  }

  /// The attempt that failed with this error, if it may have taken effect.
  fileprivate func attempt(startedAt start: Timestamp) -> Attempt? {
    guard case .outcomeUnknown(_, let commit) = self else { return nil }
    return Attempt(startedAt: start, commit: commit)
  }
}
