/// A value that somebody else keeps and that is read when the metrics are asked for.
public struct MetricSample: Equatable, Sendable {
  /// The family; a counter or a gauge.
  public let description: MetricDescription
  /// Tell the sample from others of its family.
  public let labels: [MetricLabel]
  /// The value now.
  public let value: Double

  /// A sample.
  public init(_ description: MetricDescription, _ labels: [MetricLabel] = [], _ value: Double) {
    precondition(description.kind != .histogram, "\(description.name) is observed, not sampled")
    self.description = description
    self.labels = labels
    self.value = value
  }
}
