import KeyValueStore

extension APIHandler {
  /// How far a write has come when its client is answered.
  enum WriteProgress {
    case decided(WriteReceipt)
    /// It can't be lost, and will be decided later.
    case queued(OperationID)
  }

  /// Writes or queues, as the client prefers; if that way is closed, it takes the other one.
  func writeOrQueue(
    _ write: Write, by principal: Principal, _ preferences: Preferences
  ) async throws(Problem) -> WriteProgress {
    do throws(StoreError) {
      // An idempotent write is never queued first: the database keeps its name in the transaction
      // that writes. `respond-async` is only a preference, and a final answer is better than a 202.
      return preferences.isAsynchronous && write.idempotency == nil
        ? try await queueFirst(write, by: principal, preferences)
        : try await writeFirst(write, by: principal, preferences)
    } catch {
      throw Problem(error)
    }
  }

  /// Writes; if the database is away, queues instead, unless the client forbids it.
  private func writeFirst(
    _ write: Write, by principal: Principal, _ preferences: Preferences
  ) async throws(StoreError) -> WriteProgress {
    let start = store.acceptance()
    do throws(StoreError) {
      return .decided(try await store.write(write))
    } catch {
      guard !preferences.isStrict, error.allowsQueueing(write) else { throw error }
      do throws(StoreError) {
        return try await submit(write, by: principal, after: error.attempt(startedAt: start))
      } catch let second {
        // Of the two errors, the client gets the one that leaves more open.
        throw second.isOutcomeUnknown ? second : error
      }
    }
  }

  /// Queues; if the queue is away, writes instead: nothing was queued, so nothing happens twice.
  private func queueFirst(
    _ write: Write, by principal: Principal, _ preferences: Preferences
  ) async throws(StoreError) -> WriteProgress {
    do throws(StoreError) {
      let progress = try await submit(write, by: principal)
      guard case .queued(let id) = progress, let wait = preferences.wait else { return progress }
      return await awaitOutcome(of: id, write, by: principal, waiting: .seconds(wait))
    } catch {
      guard case .unavailable = error else { throw error }
      return .decided(try await store.write(write))
    }
  }

  private func submit(
    _ write: Write, by principal: Principal, after attempt: Attempt? = nil
  ) async throws(StoreError) -> WriteProgress {
    let submission = try await store.submit(write, after: attempt, of: principal.owner)
    guard case .applied(let applied) = submission.receipt, let outcome = applied.outcome else {
      return .queued(submission.id)
    }
    return .decided(WriteReceipt(outcome: outcome))
  }
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
