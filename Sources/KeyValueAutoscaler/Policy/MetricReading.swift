/// What was measured for one metric, beside what it should be.
struct MetricReading: Equatable, Sendable {
  /// A measurement, or the reason why there is none.
  enum Value: Equatable, Sendable {
    /// The average over the replicas that report, and how many these are.
    case perReplica(Double, reporting: Int)
    /// A property of the service as a whole, which more replicas make smaller.
    case whole(Double)
    /// Work waits, and none of it gets done: that more replicas would help is not known.
    case stalled(String)
    /// Nothing was measured, for this reason. That is not 0.
    case missing(String)
  }

  let metric: ScalingMetric
  /// More than this asks for more replicas, less for fewer. Above 0.
  let target: Double
  let value: Value

  /// The number, where there is one.
  var number: Double? {
    switch value {
    case .perReplica(let number, _), .whole(let number): number
    case .stalled, .missing: nil
    }
  }
}
