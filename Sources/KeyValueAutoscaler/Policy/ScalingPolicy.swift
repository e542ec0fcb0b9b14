/// Decides how many replicas a service should have, as the Horizontal Pod Autoscaler of Kubernetes
/// does: `ceil(replicas × metric / target)`, the highest of all metrics, within limits.
///
/// It has no clock and asks nobody: what it is told is all that it knows.
struct ScalingPolicy: Equatable, Sendable {
  let limits: ScalingLimits

  /// How long a history has to reach back.
  var memory: Duration {
    max(limits.stabilization, limits.up.period, limits.down.period, limits.settling)
  }

  /// The decision for what was seen. The caller records it in the history.
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

  /// What is not known although it should be, in words.
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
    // More replicas of what is stuck may be of no use, and fewer certainly are not.
    case .stalled: return replicas
    case .whole(let value): return scaled(replicas, by: value / reading.target)
    case .perReplica(_, let reporting) where reporting < 1: return nil
    case .perReplica(let average, let reporting):
      let ratio = average / reading.target
      let silent = max(0, replicas - reporting)
      guard silent > 0 else { return scaled(replicas, by: ratio) }
      // Replicas of which nothing is known count in favour of leaving all as it is: as busy as they
      // should be when there would be fewer, as idle when there would be more.
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
