/// What is known of a service at one moment. A decision depends on it and on the history only.
struct ScalingObservation: Equatable, Sendable {
  /// How many replicas exist.
  enum Replicas: Equatable, Sendable {
    /// So many exist, and so many of them answer.
    case known(Int, answering: Int)
    /// The number can't be found out, for this reason.
    case unknown(String)
  }

  /// The time since a fixed moment.
  let at: Duration
  let replicas: Replicas
  /// One for each metric that has a target.
  let readings: [MetricReading]
}

/// What a service is scaled by. The raw value is what logs and metrics call it.
enum ScalingMetric: String, CaseIterable, Sendable {
  /// Processor time that a replica uses, in cores.
  case cpu
  /// Requests a second that a replica answers.
  case requests
  /// The 95th percentile of the time that requests take, in seconds, over all replicas.
  case latency
  /// Requests that a replica is answering at a time.
  case inFlight = "in_flight"
  /// How long the workers need to empty their queue, in seconds.
  case backlog
}

/// The measurement of one metric, and its target.
struct MetricReading: Equatable, Sendable {
  /// A measurement, or the reason why there is none.
  enum Value: Equatable, Sendable {
    /// The average over the replicas that report, and how many do.
    case perReplica(Double, reporting: Int)
    /// A value of the service as a whole, which more replicas make smaller.
    case whole(Double)
    /// Work waits and none of it gets done, so it is not known whether more replicas would help.
    case stalled(String)
    /// Nothing was measured, for this reason: not the same as 0.
    case missing(String)
  }

  let metric: ScalingMetric
  /// The value to hold: a higher one asks for more replicas, a lower one for fewer. Above 0.
  let target: Double
  let value: Value

  var number: Double? {
    switch value {
    case .perReplica(let number, _), .whole(let number): number
    case .stalled, .missing: nil
    }
  }
}
