import Synchronization

/// Has other processes repair the cache after commits that this one can't tell it of. Nobody is
/// told that such a write is done until one has: they may read what was there before.
///
/// Not Sendable: one a store.
public final class CacheRepairs {
  private let database: any SharedDatabase
  private let evidence: RepairEvidence

  /// Requests by way of `database`; `evidence` is the process's, shared by its loops.
  public init(database: any SharedDatabase, evidence: RepairEvidence) {
    self.database = database
    self.evidence = evidence
  }

  /// How long this process may take to repair the cache itself before others are asked.
  private static let requestAfter = Duration.milliseconds(50)
  /// Between two looks.
  private static let interval = Duration.milliseconds(20)

  /// Returns when the cache was repaired after these commits, by others or by this process
  /// (`hasRepaired`). False: by nobody, who then can't reach it to read from it either.
  func wait(for ids: [OutboxID], hasRepaired: () async -> Bool) async -> Bool {
    let start = ContinuousClock.now
    guard let patience = evidence.patience(at: start) else { return false }
    var isRequested = false
    var wasAsked = false
    while ContinuousClock.now - start < patience {
      guard (try? await Task.sleep(for: Self.interval)) != nil else { return false }
      if await hasRepaired() {
        evidence.noteAnswer(at: .now)
        if isRequested { try? await database.endRepair(after: ids.map { $0.awaitingRepair(true) }) }
        return true
      }
      guard !ids.isEmpty, ContinuousClock.now - start >= Self.requestAfter else { continue }
      do throws(StoreError) {
        if !isRequested {
          try await database.requestRepair(after: ids)
          isRequested = true
        } else if try await database.areRepaired(ids) {
          evidence.noteAnswer(at: .now)
          return true
        }
        wasAsked = true
      } catch {
        // Without the database nobody can be asked, which says nothing of the others.
        wasAsked = false
      }
    }
    if wasAsked { evidence.noteSilence(from: start, at: .now) }
    return false
  }
}

/// Whether other processes can reach the cache, as far as a process knows from what became of its
/// requests to repair it.
///
/// With the cache away for everybody no write is to wait, yet the first that is written after it
/// has come back must. So while nobody answers, a write now and then waits for an answer, and the
/// others rely on what that one has found.
public final class RepairEvidence: Sendable {
  /// How long the first request waits for an answer: several times as long as one takes.
  static let patience = Duration.seconds(1)
  /// How long a request waits while nobody has answered the one before.
  static let probePatience = Duration.milliseconds(400)
  /// The least time from one such request to the next.
  static let probeInterval = Duration.milliseconds(200)
  /// How long a write relies on a request that nobody answered.
  static let validity = Duration.milliseconds(600)
  /// After so long a silence is of another time.
  static let memory = Duration.seconds(60)

  private struct State {
    var lastSilence: ContinuousClock.Instant?
    var lastProbe: ContinuousClock.Instant?
    var lastAnswer: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  /// Nothing is known yet.
  public init() {}

  /// How long a request that begins `now` is worth waiting for; nil: not at all.
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

  /// Somebody has repaired the cache.
  func noteAnswer(at now: ContinuousClock.Instant) {
    state.withLock { $0 = State(lastAnswer: now) }
  }

  /// Nobody has answered a request that began at `start`.
  func noteSilence(from start: ContinuousClock.Instant, at now: ContinuousClock.Instant) {
    state.withLock { state in
      if let answer = state.lastAnswer, answer >= start { return }
      state.lastSilence = now
    }
  }
}
