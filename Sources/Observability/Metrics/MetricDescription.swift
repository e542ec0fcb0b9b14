/// What a family of metrics is called and what it tells; the catalogue of a program is a list of
/// these.
public struct MetricDescription: Hashable, Sendable {
  /// How the values of a family are to be read.
  public enum Kind: String, Sendable {
    /// Only grows, from 0 at the start of the process.
    case counter
    /// Goes up and down.
    case gauge
    /// Counts observations by size.
    case histogram
  }

  /// The name, with base unit and, for a counter, `_total` at its end.
  public let name: String
  /// One sentence for whoever reads the metrics.
  public let help: String
  /// How values are to be read.
  public let kind: Kind
  /// The bounds of a histogram's buckets; nil for other kinds.
  public let bounds: HistogramBounds?

  private init(_ name: String, _ help: String, _ kind: Kind, _ bounds: HistogramBounds?) {
    precondition(MetricDescription.isName(name), "\(name) is no name of a metric")
    self.name = name
    self.help = help
    self.kind = kind
    self.bounds = bounds
  }

  /// A counter.
  public static func counter(_ name: String, _ help: String) -> MetricDescription {
    MetricDescription(name, help, .counter, nil)
  }

  /// A gauge.
  public static func gauge(_ name: String, _ help: String) -> MetricDescription {
    MetricDescription(name, help, .gauge, nil)
  }

  /// A histogram.
  public static func histogram(
    _ name: String, _ help: String, bounds: HistogramBounds
  ) -> MetricDescription {
    MetricDescription(name, help, .histogram, bounds)
  }

  /// `[a-zA-Z_][a-zA-Z0-9_]*`: the colon that Prometheus allows besides is for recording rules.
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
