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
