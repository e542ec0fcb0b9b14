internal import EventLoop
import KeyValueStore

/// One try at writing: what it settles in the outbox on its way.
struct Attempt {
  private let published: PublishedChanges
  private var rows: [PublishedChanges.Row] = []
  /// Rows that one commit settles.
  private static let rowsMax = 2_000

  init(_ published: PublishedChanges) { self.published = published }

  /// The statement that settles what the feed has published meanwhile, if there is anything.
  mutating func settle() -> [Statement] {
    rows = published.take(limit: Self.rowsMax)
    return rows.isEmpty ? [] : [UpkeepStatements.settle(rows)]
  }

  /// It was not committed, or that is not known: the rows are still to be settled.
  func giveBack() { published.add(rows) }
}

/// What a try at writing has achieved.
enum Progress {
  /// Everything is decided.
  case done
  /// Some came too late for the database to carry them out, and the others are committed.
  case partlyLate
  /// All came too late, and nothing was written.
  case late
}

extension PostgresDatabase {
  /// Sends a transaction until it is carried out, or the deadline has passed.
  ///
  /// `make` is asked for its statements at each try. Conflicts are tried again, and so is what came
  /// too late because the database's clock was set.
  func persist(
    _ make: (Int64, inout Attempt) -> [Statement], take: ([ResultSet]) -> Progress
  ) async throws(StoreError) {
    let end = ContinuousClock.now + configuration.deadline
    var backoff = Backoff()
    var isPartlyCommitted = false
    while true {
      var attempt = Attempt(published)
      let start = ContinuousClock.now
      let failure: StoreError
      do throws(ExchangeError) {
        let (connection, validUntil) = try await pool.lend(for: .writing)
        let results = try await pool.exchange(on: connection, make(validUntil, &attempt))
        switch take(results) {
        case .done: return
        case .partlyLate: isPartlyCommitted = true
        case .late: break
        }
        try await pool.readClock()
        failure = .unavailable(cause: "database: the write came too late", retryAfter: 1)
      } catch {
        attempt.giveBack()
        switch error {
        case .closed:
          failure = .unavailable(cause: error.cause, retryAfter: 1)
        case .refused(let state, _) where state.isConflict:
          failure = .unavailable(cause: error.cause, retryAfter: 1)
        case .refused(let state, _) where !state.isUnknownOutcome:
          throw failed(
            isPartlyCommitted ? .outcomeUnknown(cause: error.cause) : unwritten(error))
        case .notSent:
          throw failed(
            isPartlyCommitted ? .outcomeUnknown(cause: error.cause) : unwritten(error))
        case .lost, .refused:
          throw await unknown(error, since: start)
        }
      }
      guard ContinuousClock.now < end else {
        throw failed(isPartlyCommitted ? .outcomeUnknown(cause: failure.cause) : failure)
      }
      await loop.pause(for: backoff.next())
    }
  }

  /// Nobody knows whether a write that was sent at `start` was committed. Told only when it can't
  /// take effect any more: then it is sure to come before whatever is written instead.
  func unknown(
    _ error: ExchangeError, since start: ContinuousClock.Instant
  ) async -> StoreError {
    counters.count {
      $0.failures += 1
      $0.unknownOutcomes += 1
    }
    let end = start + configuration.writeValidity + configuration.clockSkewMax
    let left = end - ContinuousClock.now
    if left > .zero { await loop.pause(for: left) }
    return .outcomeUnknown(cause: error.cause)
  }
}
