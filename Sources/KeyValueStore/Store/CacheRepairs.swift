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
public final class RepairEvidence: Sendable {
  /// How long the first request waits for an answer: several times as long as one takes.
  static let patience = Duration.seconds(1)
  /// How long a request waits if the previous one got no answer.
  static let probePatience = Duration.milliseconds(400)
  /// The least time from one such request, a probe, to the next.
  static let probeInterval = Duration.milliseconds(200)
  /// How long writes rely on a request that got no answer.
  static let validity = Duration.milliseconds(600)
  /// How long a request without an answer counts at all.
  static let memory = Duration.seconds(60)

  private struct State {
    var lastSilence: ContinuousClock.Instant?
    var lastProbe: ContinuousClock.Instant?
    var lastAnswer: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  public init() {}

  /// How long to wait for a request that begins `now`; nil: not at all.
  func patience(at now: ContinuousClock.Instant) -> Duration? {
    state.withLock { state in
      guard let silence = state.lastSilence, now - silence < Self.memory else {
        return Self.patience
      }
      let isRecent = now - silence < Self.validity
      if isRecent, let probe = state.lastProbe, now - probe < Self.probeInterval { return nil }
      state.lastProbe = now
      return Self.probePatience
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
