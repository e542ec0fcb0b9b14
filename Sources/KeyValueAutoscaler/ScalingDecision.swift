/// How many replicas there should be, and why.
struct ScalingDecision: Equatable, Sendable {
  /// What one metric asks for.
  struct Proposal: Equatable, Sendable {
    let reading: MetricReading
    /// Nil: the metric is missing.
    let replicas: Int?
  }

  /// How many replicas there are; nil: unknown.
  let replicas: Int?
  /// What each metric asks for.
  let proposals: [Proposal]
  /// What the metrics together ask for, within the bounds; stabilization uses it later. Nil:
  /// nothing.
  let recommendation: Int?
  /// How many replicas there should be now; nil: unknown, so nothing is done.
  let desired: Int?
  /// Why, in the order of the considerations.
  let reasons: [ScalingReason]

  /// The number to ask for; nil: none, as the number is right or unknown.
  var change: Int? { desired == replicas ? nil : desired }
}

/// One consideration behind a decision.
enum ScalingReason: Equatable, Sendable {
  /// This metric asks for the most replicas.
  case metric(ScalingMetric, replicas: Int)
  /// How many replicas there are is not known.
  case replicasUnknown(String)
  /// Fewer would do, but something could not be measured.
  case incomplete(String)
  /// Fewer would do, but so many were recommended within the stabilization window.
  case stabilized(replicas: Int)
  /// More are wanted than may be added within the period.
  case stepUp(replicas: Int)
  /// Fewer are wanted than the period's limit on removals allows.
  case stepDown(replicas: Int)
  /// The lower bound applies.
  case minimum(Int)
  /// The upper bound applies.
  case maximum(Int)
  /// So many were asked for, and the number of replicas does not show it yet.
  case settling(replicas: Int)

  /// The value of the label `reason`.
  enum Label: String, CaseIterable {
    case metric, maximum, minimum, incomplete, stabilized, settling
    case replicasUnknown = "replicas_unknown"
    case stepUp = "step_up"
    case stepDown = "step_down"
  }

  var label: Label {
    switch self {
    case .metric: .metric
    case .replicasUnknown: .replicasUnknown
    case .incomplete: .incomplete
    case .stabilized: .stabilized
    case .stepUp: .stepUp
    case .stepDown: .stepDown
    case .minimum: .minimum
    case .maximum: .maximum
    case .settling: .settling
    }
  }
}

extension ScalingReason: CustomStringConvertible {
  var description: String {
    switch self {
    case .metric(let metric, let replicas): "\(metric.rawValue) asks for \(replicas)"
    case .replicasUnknown(let why): "how many replicas there are is not known: \(why)"
    case .incomplete(let what): "fewer would do, but not while this is missing: \(what)"
    case .stabilized(let replicas):
      "fewer would do, but \(replicas) were recommended within the stabilization window"
    case .stepUp(let replicas): "no more than \(replicas) at this step"
    case .stepDown(let replicas): "no fewer than \(replicas) at this step"
    case .minimum(let replicas): "never fewer than \(replicas)"
    case .maximum(let replicas): "never more than \(replicas)"
    case .settling(let replicas): "\(replicas) have been asked for and do not show yet"
    }
  }
}

/// What the policy remembers of earlier decisions. It may be lost, as at a restart: then nothing is
/// scaled down until the stabilization window is full again.
struct ScalingHistory: Equatable, Sendable {
  /// What was seen and recommended at one moment.
  private struct Entry: Equatable {
    let at: Duration
    let replicas: Int
    let recommendation: Int
  }

  /// A number of replicas that was asked for, and when.
  struct Command: Equatable, Sendable {
    let at: Duration
    let replicas: Int
  }

  private var entries: [Entry] = []
  /// The last command that succeeded.
  private(set) var command: Command?

  /// Records a decision, unless it has no recommendation, and removes entries older than `age`.
  mutating func record(_ decision: ScalingDecision, at: Duration, keeping age: Duration) {
    entries.removeAll { $0.at < at - age }
    guard let replicas = decision.replicas, let recommendation = decision.recommendation else {
      return
    }
    entries.append(Entry(at: at, replicas: replicas, recommendation: recommendation))
  }

  /// Records that so many replicas were asked for.
  mutating func record(command replicas: Int, at: Duration) {
    command = Command(at: at, replicas: replicas)
  }

  /// How many replicas are expected where `replicas` are seen: the number last asked for, if that
  /// was within `settling`.
  func expected(_ replicas: Int, at now: Duration, settling: Duration) -> Int {
    guard let command, now - command.at < settling else { return replicas }
    return command.replicas
  }

  /// The highest recommendation since then; nil without one.
  func highestRecommendation(since start: Duration) -> Int? {
    entries.lazy.filter { $0.at >= start }.map(\.recommendation).max()
  }

  /// The numbers of replicas that were seen since then, smallest and largest; nil without one.
  func replicas(since start: Duration) -> ClosedRange<Int>? {
    let seen = entries.lazy.filter { $0.at >= start }.map(\.replicas)
    guard let least = seen.min(), let most = seen.max() else { return nil }
    return least...most
  }
}
