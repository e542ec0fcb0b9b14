/// What is known of a service at one moment: all that a decision is made from, besides the past.
struct ScalingObservation: Equatable, Sendable {
  /// How many replicas there really are.
  enum Replicas: Equatable, Sendable {
    /// So many exist, and so many of them answer.
    case known(Int, answering: Int)
    /// Nobody can tell, for this reason.
    case unknown(String)
  }

  /// When, counted from any fixed moment.
  let at: Duration
  let replicas: Replicas
  /// One for each metric that has a target.
  let readings: [MetricReading]
}
