/// One consideration behind a decision.
enum ScalingReason: Equatable, Sendable {
  /// This metric asks for the most replicas.
  case metric(ScalingMetric, replicas: Int)
  /// How many replicas there are is not known.
  case replicasUnknown(String)
  /// Fewer would do, but something could not be measured.
  case incomplete(String)
  /// Fewer would do, but not long ago so many were recommended.
  case stabilized(replicas: Int)
  /// More are wanted than may come within the time.
  case stepUp(replicas: Int)
  /// Fewer are wanted than may go within the time.
  case stepDown(replicas: Int)
  /// There may be no fewer.
  case minimum(Int)
  /// There may be no more.
  case maximum(Int)
  /// So many have been asked for, and have not shown yet.
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
  /// For the log.
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
