/// A counter for each value that a label can take, all of them there from the start: a counter that
/// appears with its first event has not grown, as far as Prometheus can tell.
public struct LabelledCounters<Label: CaseIterable & Hashable & RawRepresentable & Sendable>:
  Sendable
where Label.RawValue == String {
  private let counters: [Label: Counter]

  /// Counters of a family in `registry`, by the label `name`.
  /// - Parameter constant: further labels, equal for all of them.
  public init(
    _ description: MetricDescription, by name: String, with constant: [MetricLabel] = [],
    in registry: MetricsRegistry
  ) {
    counters = Dictionary(
      uniqueKeysWithValues: Label.allCases.map {
        ($0, registry.counter(description, constant + [MetricLabel(name, $0.rawValue)]))
      })
  }

  /// The counter of one value.
  public subscript(label: Label) -> Counter {
    guard let counter = counters[label] else { preconditionFailure("not one of allCases") }
    return counter
  }
}
