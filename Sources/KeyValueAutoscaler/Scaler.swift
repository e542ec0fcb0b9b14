internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// Observes the services, decides and acts, round after round. The history of its decisions is in
/// memory only.
struct Scaler {
  private let watches: [ServiceWatch]
  /// Nil: decisions are logged but not acted on.
  private let commander: Commander?
  private let metrics: AutoscalerMetrics
  private let log: DecisionLog
  private var histories: [ScalingHistory]
  private let start = ContinuousClock.now

  /// How a round went.
  enum Outcome: Equatable {
    case done
    /// A service could not be observed.
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

  /// Observes all services once, and acts on what it finds.
  mutating func round() async -> Outcome {
    let now = ContinuousClock.now - start
    let observations = await observe(at: now)
    // An observation that was cancelled is incomplete: nothing follows from it.
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
    // Before the commands: one of them may wait for something that waits until this process is
    // ready.
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

  /// Runs the commands that follow from decisions, one after the other; false if one failed.
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

  /// How many replicas the service at a place will have.
  private func expected(_ decision: ScalingDecision, _ place: Int) -> Int? {
    decision.replicas.map {
      histories[place].expected(
        $0, at: ContinuousClock.now - start,
        settling: watches[place].service.policy.limits.settling)
    }
  }
}

/// Runs the rounds of a scaler: until the process is asked to stop, or only one.
struct ScalingService: Service {
  let makeScaler: @Sendable () -> Scaler
  /// From the start of one round to the start of the next; nil: there is only one.
  let interval: Duration?
  /// How the last round ended.
  let result = LastOutcome()

  /// A command that runs when the process is asked to stop is ended.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      var scaler = makeScaler()
      var next = ContinuousClock.now
      repeat {
        result.value = await scaler.round()
        guard let interval else { return }
        // A round that took longer than the interval is followed by one round at once, not by all
        // that were missed.
        next = max(next + interval, ContinuousClock.now)
        try? await Task.sleep(until: next)
      } while !Task.isCancelled
    }
  }
}

/// Keeps the outcome of the last round for the caller that waits for the service to end.
final class LastOutcome: Sendable {
  private let result = Mutex<Scaler.Outcome?>(nil)

  /// Nil: there was no round.
  var value: Scaler.Outcome? {
    get { result.withLock { $0 } }
    set { result.withLock { $0 = newValue } }
  }
}
