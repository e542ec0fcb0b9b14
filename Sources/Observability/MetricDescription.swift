/// The name, kind and meaning of a metric. The catalogue of a program is a list of these.
public struct MetricDescription: Hashable, Sendable {
  /// What the values of a metric mean.
  public enum Kind: String, Sendable {
    /// It only grows, from 0 at the start of the process.
    case counter
    /// It goes up and down.
    case gauge
    /// It counts observations by size.
    case histogram
  }

  /// The name. It ends with the base unit, and a counter's also with `_total`.
  public let name: String
  /// One sentence for the reader of the metrics.
  public let help: String
  public let kind: Kind
  /// The bounds of a histogram's buckets; nil for the other kinds.
  public let bounds: HistogramBounds?

  private init(_ name: String, _ help: String, _ kind: Kind, _ bounds: HistogramBounds?) {
    precondition(MetricDescription.isName(name), "\(name) is no name of a metric")
    self.name = name
    self.help = help
    self.kind = kind
    self.bounds = bounds
  }

  public static func counter(_ name: String, _ help: String) -> MetricDescription {
    MetricDescription(name, help, .counter, nil)
  }

  public static func gauge(_ name: String, _ help: String) -> MetricDescription {
    MetricDescription(name, help, .gauge, nil)
  }

  public static func histogram(
    _ name: String, _ help: String, bounds: HistogramBounds
  ) -> MetricDescription {
    MetricDescription(name, help, .histogram, bounds)
  }

  /// Whether `name` matches `[a-zA-Z_][a-zA-Z0-9_]*`. Prometheus also allows colons, for recording
  /// rules.
  static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }
}

/// A label, which distinguishes the series of one metric.
///
/// Values come from enums and other fixed sets, never from a client: each new value is a series
/// that is kept as long as the process lives.
public struct MetricLabel: Hashable, Sendable {
  public let name: String
  /// Any text.
  public let value: String

  public init(_ name: String, _ value: String) {
    precondition(MetricDescription.isName(name), "\(name) is no name of a label")
    self.name = name
    self.value = value
  }
}

/// A value that is kept elsewhere and is read when the metrics are.
public struct MetricSample: Equatable, Sendable {
  /// A counter or a gauge.
  public let description: MetricDescription
  public let labels: [MetricLabel]
  public let value: Double

  public init(_ description: MetricDescription, _ labels: [MetricLabel] = [], _ value: Double) {
    precondition(description.kind != .histogram, "\(description.name) is observed, not sampled")
    self.description = description
    self.labels = labels
    self.value = value
  }
}
