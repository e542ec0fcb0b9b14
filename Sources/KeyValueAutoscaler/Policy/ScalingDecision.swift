/// How many replicas there should be, and why.
struct ScalingDecision: Equatable, Sendable {
  /// What one metric asks for.
  struct Proposal: Equatable, Sendable {
    let reading: MetricReading
    /// Nil: nothing, as it is missing.
    let replicas: Int?
  }

  /// How many there are; nil: unknown.
  let replicas: Int?
  /// What each metric asks for.
  let proposals: [Proposal]
  /// What the metrics together ask for, within the least and the most: later decisions look back at
  /// it. Nil: nothing.
  let recommendation: Int?
  /// How many there should be now; nil: unknown, so nothing is done.
  let desired: Int?
  /// Why, in the order in which it was considered.
  let reasons: [ScalingReason]

  /// The number to ask for; nil: all is as it should be, or nobody knows.
  var change: Int? { desired == replicas ? nil : desired }
}
