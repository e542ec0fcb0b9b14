/// Decides how many replicas a service should have, as the Horizontal Pod Autoscaler of Kubernetes
/// does: `ceil(replicas × metric / target)`, the highest of all metrics, within limits.
///
/// It has no clock and does no I/O: a decision depends on its arguments only.
struct ScalingPolicy: Equatable, Sendable {
  let limits: ScalingLimits

  /// How far a history has to reach back.
  var memory: Duration {
    max(limits.stabilization, limits.up.period, limits.down.period, limits.settling)
  }

  /// The decision for an observation. The caller records it in the history.
  func decide(
    _ observation: ScalingObservation, history: ScalingHistory
  ) -> ScalingDecision {
    switch observation.replicas {
    case .unknown(let why):
      let proposals = observation.readings.map {
        ScalingDecision.Proposal(reading: $0, replicas: nil)
      }
      return ScalingDecision(
        replicas: nil, proposals: proposals, recommendation: nil, desired: nil,
        reasons: [.replicasUnknown(why)])
    case .known(let replicas, let answering):
      let proposals = observation.readings.map {
        ScalingDecision.Proposal(
          reading: $0, replicas: proposal(of: $0, replicas: replicas))
      }
      let gaps = Self.gaps(in: observation.readings, replicas: replicas, answering: answering)
      var course = Course(
        limits: limits, history: history, at: observation.at, replicas: replicas)
      course.follow(proposals)
      course.keepWithinBounds()
      course.stayWhileBlind(gaps)
      let recommendation = course.recommendation
      course.stabilize()
      course.limitStep()
      course.waitForCommand()
      return ScalingDecision(
        replicas: replicas, proposals: proposals, recommendation: recommendation,
        desired: course.wanted, reasons: course.reasons)
    }
  }

  /// What is not known although it should be, as text.
  private static func gaps(
    in readings: [MetricReading], replicas: Int, answering: Int
  ) -> [String] {
    let silent = replicas - answering
    let away = silent > 0 ? ["\(silent) of \(replicas) replicas do not answer"] : []
    return away
      + readings.compactMap { reading in
        switch reading.value {
        case .perReplica(_, let reporting) where reporting < answering:
          "\(reading.metric.rawValue) of \(answering - reporting) replicas"
        case .stalled(let why), .missing(let why): "\(reading.metric.rawValue) (\(why))"
        default: nil
        }
      }
  }

  /// How many replicas one metric asks for, before any limit; nil: it is missing.
  func proposal(of reading: MetricReading, replicas: Int) -> Int? {
    switch reading.value {
    case .missing: return nil
    // More replicas may not help what is stuck, and fewer certainly do not.
    case .stalled: return replicas
    case .whole(let value): return scaled(replicas, by: value / reading.target)
    case .perReplica(_, let reporting) where reporting < 1: return nil
    case .perReplica(let average, let reporting):
      let ratio = average / reading.target
      let silent = max(0, replicas - reporting)
      guard silent > 0 else { return scaled(replicas, by: ratio) }
      // Replicas that do not report are assumed to be what makes for the smaller change: on target
      // when the others ask for fewer replicas, idle when the others ask for more.
      let assumed = ratio < 1 ? reading.target * Double(silent) : 0
      let careful = (average * Double(reporting) + assumed) / Double(replicas) / reading.target
      guard (ratio < 1) == (careful < 1) else { return replicas }
      return scaled(replicas, by: careful)
    }
  }

  /// `ceil(replicas × ratio)`, unless the ratio is within the tolerance of 1.
  private func scaled(_ replicas: Int, by ratio: Double) -> Int {
    // 1.1 - 1 is a little more than 0.1.
    guard abs(ratio - 1) > limits.tolerance + 1e-9 else { return replicas }
    let exact = Double(replicas) * ratio
    return Int(min((exact - 1e-9).rounded(.up), 1e6))
  }
}

/// How far and how fast a service may be scaled.
struct ScalingLimits: Equatable, Sendable {
  /// How much may change within a period; the wider of the two bounds applies.
  struct Step: Equatable, Sendable {
    var replicas: Int
    /// Percent of the replicas at the beginning of the period.
    var percent: Int
    var period: Duration
  }

  var replicas: ClosedRange<Int>
  /// By how much a metric may be off its target without a change; 0.1 is 10 %.
  var tolerance: Double
  /// Replicas are removed only after so long without a recommendation of more.
  var stabilization: Duration
  /// How fast replicas may be added.
  var up: Step
  /// How fast they may be removed.
  var down: Step
  /// How long it may take until the effect of a command shows.
  var settling: Duration
}

/// A decision in the making: each step may change the number that is wanted, and gives a reason.
private struct Course {
  private let limits: ScalingLimits
  private let history: ScalingHistory
  private let now: Duration
  private let replicas: Int
  /// How many replicas there should be, after the steps so far.
  private(set) var wanted: Int
  private(set) var reasons: [ScalingReason] = []

  init(limits: ScalingLimits, history: ScalingHistory, at now: Duration, replicas: Int) {
    self.limits = limits
    self.history = history
    self.now = now
    self.replicas = replicas
    wanted = replicas
  }

  /// What the history records. Without a recent recommendation, as after a start, the present
  /// number counts as recommended, because it is not known what was before.
  var recommendation: Int {
    recentRecommendation == nil ? max(wanted, replicas) : wanted
  }

  private var recentRecommendation: Int? {
    history.highestRecommendation(since: now - limits.stabilization)
  }

  /// Takes the highest proposal.
  mutating func follow(_ proposals: [ScalingDecision.Proposal]) {
    let known = proposals.compactMap { proposal in
      proposal.replicas.map { (metric: proposal.reading.metric, replicas: $0) }
    }
    guard let highest = known.max(by: { $0.replicas < $1.replicas }) else { return }
    wanted = highest.replicas
    reasons.append(.metric(highest.metric, replicas: highest.replicas))
  }

  /// Applies the bounds.
  mutating func keepWithinBounds() {
    if wanted < limits.replicas.lowerBound {
      wanted = limits.replicas.lowerBound
      reasons.append(.minimum(wanted))
    } else if wanted > limits.replicas.upperBound {
      wanted = limits.replicas.upperBound
      reasons.append(.maximum(wanted))
    }
  }

  /// Keeps the replicas while something that should be known is not.
  mutating func stayWhileBlind(_ gaps: [String]) {
    guard !gaps.isEmpty, wanted < replicas else { return }
    wanted = replicas
    reasons.append(.incomplete(gaps.joined(separator: ", ")))
  }

  /// Keeps as many replicas as were recommended within the stabilization window.
  mutating func stabilize() {
    guard limits.stabilization > .zero, wanted < replicas else { return }
    let most = max(wanted, min(replicas, limits.replicas.upperBound))
    let recent = min(recentRecommendation ?? most, most)
    guard recent > wanted else { return }
    wanted = recent
    reasons.append(.stabilized(replicas: recent))
  }

  /// Applies the limits on speed. A number below the lower bound is corrected at once.
  mutating func limitStep() {
    if wanted > replicas {
      let seen = history.replicas(since: now - limits.up.period)
      let base = min(replicas, seen?.lowerBound ?? replicas)
      let most = max(base + limits.up.replicas, base + Self.share(limits.up.percent, of: base))
      let limit = max(most, replicas, limits.replicas.lowerBound)
      if wanted > limit {
        wanted = limit
        reasons.append(.stepUp(replicas: limit))
      }
    } else if wanted < replicas {
      let seen = history.replicas(since: now - limits.down.period)
      let base = max(replicas, seen?.upperBound ?? replicas)
      let least = min(
        base - limits.down.replicas, base - Self.share(limits.down.percent, of: base))
      let limit = min(least, replicas)
      if wanted < limit {
        wanted = limit
        reasons.append(.stepDown(replicas: limit))
      }
    }
  }

  /// Keeps the replicas while the last command takes effect, unless even more are wanted: the
  /// present number is not yet what it asked for, and a smaller number would undo it.
  mutating func waitForCommand() {
    guard let command = history.command, now - command.at < limits.settling,
      command.replicas != replicas, wanted != replicas
    else { return }
    let isComing = command.replicas > replicas && wanted <= command.replicas
    let isLeaving = command.replicas < replicas && wanted < replicas
    guard isComing || isLeaving else { return }
    wanted = replicas
    reasons.append(.settling(replicas: command.replicas))
  }

  /// Percent of a number, rounded up: 10 % of 72 are 8.
  private static func share(_ percent: Int, of count: Int) -> Int {
    (count * percent + 99) / 100
  }
}
