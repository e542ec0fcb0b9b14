internal import Synchronization

/// One loop's share of a counter. The registry adds the shares up when the metrics are read.
public final class Counter: Sendable {
  private let count = Atomic<UInt64>(0)
  // A cache line is 64 bytes. Objects of 64 bytes begin at least 64 bytes apart, and only the first
  // 24 bytes of each are written: its reference count and `count`. So the counters of two loops
  // never share a line, wherever the allocator puts them.
  private let padding = InlineArray<5, UInt64>(repeating: 0)

  /// A counter of no registry.
  package init() {}

  /// Adds `amount`, which must not be negative. It costs one relaxed atomic addition.
  public func add(_ amount: Int = 1) {
    count.wrappingAdd(UInt64(amount), ordering: .relaxed)
  }

  /// What this share has counted.
  public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// One loop's share of a gauge: how many of something there are now. The registry adds the shares
/// up when the metrics are read.
public final class Gauge: Sendable {
  private let level = Atomic<Int64>(0)
  // As in `Counter`: the gauges of two loops never share a cache line.
  private let padding = InlineArray<5, UInt64>(repeating: 0)

  init() {}

  /// Moves the level up or down. It costs one relaxed atomic addition.
  public func add(_ amount: Int) {
    level.wrappingAdd(Int64(amount), ordering: .relaxed)
  }

  /// The level of this share.
  public var value: Int64 { level.load(ordering: .relaxed) }
}

/// A counter for each value of a label. All of them exist from the start: if a counter appeared
/// only with its first event, Prometheus would not see that it has grown.
public struct LabelledCounters<Label: CaseIterable & Hashable & RawRepresentable & Sendable>:
  Sendable
where Label.RawValue == String {
  private let counters: [Label: Counter]

  /// Makes counters in `registry` that differ in the label `name`.
  /// - Parameter constant: further labels, the same for all of the counters.
  public init(
    _ description: MetricDescription, by name: String, with constant: [MetricLabel] = [],
    in registry: MetricsRegistry
  ) {
    counters = Dictionary(
      uniqueKeysWithValues: Label.allCases.map {
        ($0, registry.counter(description, constant + [MetricLabel(name, $0.rawValue)]))
      })
  }

  /// The counter of one value of the label.
  public subscript(label: Label) -> Counter {
    guard let counter = counters[label] else { preconditionFailure("not one of allCases") }
    return counter
  }
}
