internal import Logging

/// Looks at the services, decides, and acts: round by round, on what only it remembers.
struct Scaler {
  private let watches: [ServiceWatch]
  /// Nil: decisions are only told.
  private let commander: Commander?
  private let metrics: AutoscalerMetrics
  private let log: DecisionLog
  private var histories: [ScalingHistory]
  private let start = ContinuousClock.now

  /// How a round went.
  enum Result: Equatable {
    case done
    /// Something could not be looked at.
    case blind
    /// A command failed.
    case failed
  }

  init(
    _ watches: [ServiceWatch], commander: Commander?, metrics: AutoscalerMetrics, logger: Logger
  ) {
    self.watches = watches
    self.commander = commander
    self.metrics = metrics
    log = DecisionLog(logger: logger, isDryRun: commander == nil)
    histories = watches.map { _ in ScalingHistory() }
  }

  /// One look at all services, and what follows from it.
  mutating func round() async -> Result {
    let now = ContinuousClock.now - start
    let observations = await observe(at: now)
    // What a look that was broken off has missed is no news.
    if Task.isCancelled { return .blind }
    var decisions: [ScalingDecision] = []
    for (place, observation) in observations.enumerated() {
      let service = watches[place].service
      let decision = service.policy.decide(observation, history: histories[place])
      histories[place].record(decision, at: now, keeping: service.policy.memory)
      metrics.decided(decision, on: service.kind)
      log.tell(decision, of: service)
      decisions.append(decision)
    }
    // Before it acts: a command may have to wait for whoever waits until this process is ready.
    metrics.roundEnded()
    let haveSucceeded = await act(on: decisions)
    if !haveSucceeded { return .failed }
    return decisions.allSatisfy { $0.replicas != nil } ? .done : .blind
  }

  private func observe(at now: Duration) async -> [ScalingObservation] {
    await withTaskGroup(of: (Int, ScalingObservation).self) { group in
      for (place, watch) in watches.enumerated() {
        group.addTask { (place, await watch.observe(at: now)) }
      }
      let found = await group.reduce(into: [Int: ScalingObservation]()) { $0[$1.0] = $1.1 }
      return watches.indices.compactMap { found[$0] }
    }
  }

  /// Carries decisions out, one command after the other; false if one failed.
  private mutating func act(on decisions: [ScalingDecision]) async -> Bool {
    guard let commander else { return true }
    var haveSucceeded = true
    for (place, decision) in decisions.enumerated() {
      guard let change = decision.change, !Task.isCancelled else { continue }
      let service = watches[place].service
      let other = watches.indices.first { $0 != place } ?? place
      let begin = ContinuousClock.now
      let outcome = await commander.set(
        (service.name, change),
        keeping: (watches[other].service.name, expected(decisions[other], other)))
      let duration = ContinuousClock.now - begin
      if outcome == .succeeded {
        histories[place].record(command: change, at: ContinuousClock.now - start)
      } else {
        haveSucceeded = false
      }
      metrics.acted(outcome, on: service.kind, duration: duration)
      log.tell(outcome, of: service, replicas: change, duration: duration)
    }
    return haveSucceeded
  }

  /// How many replicas the service at a place is going to have.
  private func expected(_ decision: ScalingDecision, _ place: Int) -> Int? {
    decision.replicas.map {
      histories[place].expected(
        $0, at: ContinuousClock.now - start,
        settling: watches[place].service.policy.limits.settling)
    }
  }
}
