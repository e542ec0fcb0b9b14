import Synchronization

/// Asks other processes to repair the cache after commits that this process can't report to it.
/// Such a write is answered only when one of them has done so, because they may read the old entry
/// until then.
///
/// Not Sendable: each store has its own.
public final class CacheRepairs {
  private let database: any SharedDatabase
  private let evidence: RepairEvidence
  private let clock: SteadyClock

  /// Sends requests through `database`. All loops of a process share `evidence`.
  public init(
    database: any SharedDatabase, evidence: RepairEvidence, clock: SteadyClock = .system
  ) {
    self.database = database
    self.evidence = evidence
    self.clock = clock
  }

  /// How long this process may take to repair the cache itself before others are asked.
  private static let requestAfter = Duration.milliseconds(50)
  /// The time between two checks.
  private static let interval = Duration.milliseconds(20)

  /// Returns true when the cache was repaired after these commits, by another process or by this
  /// one (`hasRepaired`). False: no process repaired it, so that none can read from it either.
  func wait(for ids: [OutboxID], hasRepaired: () async -> Bool) async -> Bool {
    let start = clock.now()
    guard let patience = evidence.patience(at: start) else { return false }
    var isRequested = false
    var wasAsked = false
    while clock.now() - start < patience {
      guard await clock.wait(Self.interval) else { return false }
      if await hasRepaired() {
        evidence.noteAnswer(at: clock.now())
        if isRequested { try? await database.endRepair(after: ids.map { $0.awaitingRepair(true) }) }
        return true
      }
      guard !ids.isEmpty, clock.now() - start >= Self.requestAfter else { continue }
      do throws(StoreError) {
        if !isRequested {
          try await database.requestRepair(after: ids)
          isRequested = true
        } else if try await database.areRepaired(ids) {
          evidence.noteAnswer(at: clock.now())
          return true
        }
        wasAsked = true
      } catch {
        // Without the database no process can be asked, which says nothing about the others.
        wasAsked = false
      }
    }
    if wasAsked { evidence.noteSilence(from: start, at: clock.now()) }
    return false
  }
}

/// Whether other processes can reach the cache, as far as this process knows from the answers to
/// its requests to repair it.
///
/// While no process can reach the cache, no write must wait for a repair; but the first write after
/// the cache has come back must. So while requests stay without an answer, one write now and then
/// waits for an answer, as a probe, and the others rely on its result.
///
/// A request without an answer proves that no process reads the cache:
///
/// - While a process reads, another one can repair, and would have answered.
/// - A process that still reads what no other one can repair any more has stopped when the request
///   ends (`patience`).
/// - A process that begins to read waits until nobody relies on an earlier request (`relianceMax`).
///
/// Tests/Model checks this with any order of events, and takes these durations for granted.
public final class RepairEvidence: Sendable {
  /// How long an answer takes at most, if a process can repair the cache: several times as long as
  /// it mostly takes. A probe waits for this time.
  static let answerTime = Duration.milliseconds(400)
  /// The least time from one probe to the next.
  static let probeInterval = Duration.milliseconds(200)
  /// How long writes rely on a request that got no answer, and a request is a probe. It is longer
  /// than a probe and the interval, so that one probe follows another.
  static let validity = Duration.milliseconds(600)
  /// For how long writes may still be acknowledged without a repair after a process can repair the
  /// cache again. A request just before may have found no answer at the end of its `answerTime`;
  /// writes rely on that for `validity`, and a probe at the end of that is answered in time.
  public static let relianceMax = answerTime + validity + answerTime

  /// How long a request waits for an answer if there was no silence just before.
  let patience: Duration

  private struct State {
    var lastSilence: ContinuousClock.Instant?
    var lastProbe: ContinuousClock.Instant?
    var lastAnswer: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  /// - Parameter trustTime: for how long at most a process reads a cache that other processes can't
  ///   repair any more.
  public init(trustTime: Duration) { patience = trustTime + Self.answerTime }

  /// How long to wait for a request that begins `now`; nil: not at all.
  func patience(at now: ContinuousClock.Instant) -> Duration? {
    state.withLock { state in
      guard let silence = state.lastSilence, now - silence < Self.validity else {
        return patience
      }
      if let probe = state.lastProbe, now - probe < Self.probeInterval { return nil }
      state.lastProbe = now
      return Self.answerTime
    }
  }

  /// A process has repaired the cache.
  func noteAnswer(at now: ContinuousClock.Instant) {
    state.withLock { $0 = State(lastAnswer: now) }
  }

  /// A request that began at `start` got no answer.
  func noteSilence(from start: ContinuousClock.Instant, at now: ContinuousClock.Instant) {
    state.withLock { state in
      if let answer = state.lastAnswer, answer >= start { return }
      state.lastSilence = now
    }
  }
}
