import KeyValueStore

/// How a write ended, as far as its client will wait.
enum Settlement {
  /// It is decided.
  case final(WriteReceipt)
  /// It can't be lost, and will be decided.
  case queued(OperationID)
}

extension APIHandler {
  /// Carries out a write, in the way its client prefers, or in the other way if that one is barred.
  func settle(
    _ write: Write, by principal: Principal, _ preferences: Preferences
  ) async throws(Problem) -> Settlement {
    do throws(StoreError) {
      // An idempotent write is always carried out at once: the database keeps its name in the same
      // transaction. `respond-async` is a wish, and a final answer is what it waits for.
      return preferences.isAsynchronous && write.idempotency == nil
        ? try await settleByQueue(write, by: principal, preferences)
        : try await settleAtOnce(write, by: principal, preferences)
    } catch {
      throw Problem(error)
    }
  }

  /// Writes; if the database is away, queues instead, unless the client insists.
  private func settleAtOnce(
    _ write: Write, by principal: Principal, _ preferences: Preferences
  ) async throws(StoreError) -> Settlement {
    let start = store.acceptance()
    do throws(StoreError) {
      return .final(try await store.write(write))
    } catch {
      guard !preferences.isStrict, error.allowsQueueing(write) else { throw error }
      do throws(StoreError) {
        return try await submit(
          write, by: principal, after: error.attempt(startedAt: start))
      } catch let second {
        // Of two failures the client hears of the one that leaves more open.
        throw second.isOutcomeUnknown ? second : error
      }
    }
  }

  /// Queues; if the queue is away, writes instead: nothing was written, so nothing happens twice.
  private func settleByQueue(
    _ write: Write, by principal: Principal, _ preferences: Preferences
  ) async throws(StoreError) -> Settlement {
    do throws(StoreError) {
      let settlement = try await submit(write, by: principal)
      guard case .queued(let id) = settlement, let wait = preferences.wait else {
        return settlement
      }
      return await outcome(of: id, write, by: principal, waiting: .seconds(wait))
    } catch {
      guard case .unavailable = error else { throw error }
      return .final(try await store.write(write))
    }
  }

  private func submit(
    _ write: Write, by principal: Principal, after attempt: Attempt? = nil
  ) async throws(StoreError) -> Settlement {
    let submission = try await store.submit(write, after: attempt, of: principal.owner)
    guard case .applied(let applied) = submission.receipt, let outcome = applied.outcome else {
      return .queued(submission.id)
    }
    return .final(WriteReceipt(outcome: outcome))
  }
}

extension StoreError {
  /// Whether a write that failed so may be queued instead.
  ///
  /// The queue applies a write only if nothing newer than its acceptance has been written, and that
  /// is the start of the attempt: it does no harm if an unconditional one was committed after all.
  /// A condition would be tested twice. An idempotent one fails instead: its client can send it
  /// again, and it still happens once.
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

  /// The attempt that ended so, if it may have taken effect.
  fileprivate func attempt(startedAt start: Timestamp) -> Attempt? {
    guard case .outcomeUnknown(_, let commit) = self else { return nil }
    return Attempt(startedAt: start, commit: commit)
  }
}
