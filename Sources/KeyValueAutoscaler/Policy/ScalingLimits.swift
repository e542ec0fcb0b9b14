/// How far and how fast a service may be scaled.
struct ScalingLimits: Equatable, Sendable {
  /// How much may change within a time; of the two bounds the wider one counts.
  struct Step: Equatable, Sendable {
    /// So many replicas.
    var replicas: Int
    /// So many percent of the replicas that there were.
    var percent: Int
    /// The time.
    var period: Duration
  }

  /// The fewest and the most replicas.
  var replicas: ClosedRange<Int>
  /// How far a metric may be off its target before it matters; 0.1 is 10 %.
  var tolerance: Double
  /// Fewer replicas only after so long without a recommendation of more.
  var stabilization: Duration
  /// How fast replicas may come.
  var up: Step
  /// How fast they may go.
  var down: Step
  /// How long a command may take until what it asked for shows.
  var settling: Duration
}
