/// One decision in the making: each step may change the number that is wanted, and says why.
struct Course {
  private let limits: ScalingLimits
  private let history: ScalingHistory
  private let now: Duration
  private let replicas: Int
  /// How many replicas there should be, as far as the decision has come.
  private(set) var wanted: Int
  private(set) var reasons: [ScalingReason] = []

  /// Begins with what there is.
  init(limits: ScalingLimits, history: ScalingHistory, at now: Duration, replicas: Int) {
    self.limits = limits
    self.history = history
    self.now = now
    self.replicas = replicas
    wanted = replicas
  }

  /// What later decisions may look back at. At the beginning, and when the last one is long ago,
  /// the present number counts as recommended: who knows what was before.
  var recommendation: Int {
    recentRecommendation == nil ? max(wanted, replicas) : wanted
  }

  private var recentRecommendation: Int? {
    history.highestRecommendation(since: now - limits.stabilization)
  }

  /// The highest of all proposals.
  mutating func follow(_ proposals: [ScalingDecision.Proposal]) {
    let known = proposals.compactMap { proposal in
      proposal.replicas.map { (metric: proposal.reading.metric, replicas: $0) }
    }
    guard let highest = known.max(by: { $0.replicas < $1.replicas }) else { return }
    wanted = highest.replicas
    reasons.append(.metric(highest.metric, replicas: highest.replicas))
  }

  /// Between the least and the most.
  mutating func keepWithinBounds() {
    if wanted < limits.replicas.lowerBound {
      wanted = limits.replicas.lowerBound
      reasons.append(.minimum(wanted))
    } else if wanted > limits.replicas.upperBound {
      wanted = limits.replicas.upperBound
      reasons.append(.maximum(wanted))
    }
  }

  /// No fewer while something is not known that should be.
  mutating func stayWhileBlind(_ gaps: [String]) {
    guard !gaps.isEmpty, wanted < replicas else { return }
    wanted = replicas
    reasons.append(.incomplete(gaps.joined(separator: ", ")))
  }

  /// No fewer than what was recommended not long ago.
  mutating func stabilize() {
    guard limits.stabilization > .zero, wanted < replicas else { return }
    let most = max(wanted, min(replicas, limits.replicas.upperBound))
    let recent = min(recentRecommendation ?? most, most)
    guard recent > wanted else { return }
    wanted = recent
    reasons.append(.stabilized(replicas: recent))
  }

  /// No faster than allowed. Fewer than the least is put right at once.
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

  /// Nothing while the last command is being carried out, unless even more are wanted: what is seen
  /// now is not yet what it asked for, and to ask for less than that would undo it.
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
