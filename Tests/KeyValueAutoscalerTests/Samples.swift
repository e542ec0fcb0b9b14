@testable import KeyValueAutoscaler

extension ScalingLimits {
  /// Without stabilization and with wide steps: what metrics ask for is what is wanted.
  static let loose = ScalingLimits(
    replicas: 1...100, tolerance: 0.1, stabilization: .zero,
    up: Step(replicas: 1_000, percent: 0, period: .seconds(15)),
    down: Step(replicas: 1_000, percent: 0, period: .seconds(60)), settling: .seconds(60))

  /// The same, changed.
  func with(_ change: (inout ScalingLimits) -> Void) -> ScalingLimits {
    var limits = self
    change(&limits)
    return limits
  }
}

extension ScalingObservation {
  /// So many replicas, all of which answer, at a second.
  static func seen(
    _ replicas: Int, answering: Int? = nil, at second: Int = 0, _ readings: MetricReading...
  ) -> ScalingObservation {
    ScalingObservation(
      at: .seconds(second), replicas: .known(replicas, answering: answering ?? replicas),
      readings: readings)
  }
}

extension MetricReading {
  /// What each replica uses, where it should use 100.
  static func cpu(_ average: Double, of reporting: Int) -> MetricReading {
    MetricReading(metric: .cpu, target: 100, value: .perReplica(average, reporting: reporting))
  }

  /// Seconds to empty the queue, where they should be 30.
  static func backlog(_ seconds: Double) -> MetricReading {
    MetricReading(metric: .backlog, target: 30, value: .whole(seconds))
  }

  /// A metric that could not be measured.
  static func missing(_ metric: ScalingMetric) -> MetricReading {
    MetricReading(metric: metric, target: 100, value: .missing("no samples"))
  }
}

/// A policy with what it remembers, as a running kv-autoscaler has it; all that is asked for comes
/// about, unless a test says otherwise.
struct Replay {
  let policy: ScalingPolicy
  private(set) var history = ScalingHistory()

  init(_ limits: ScalingLimits) { policy = ScalingPolicy(limits: limits) }

  /// Decides, and remembers it.
  mutating func decide(_ observation: ScalingObservation) -> ScalingDecision {
    let decision = policy.decide(observation, history: history)
    history.record(decision, at: observation.at, keeping: policy.memory)
    return decision
  }

  /// A command was carried out.
  mutating func command(_ replicas: Int, at second: Int) {
    history.record(command: replicas, at: .seconds(second))
  }
}
