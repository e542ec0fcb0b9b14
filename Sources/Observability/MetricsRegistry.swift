internal import Synchronization

/// Knows every metric of the process and writes them all as text for Prometheus.
///
/// Each event loop gets cells of its own at the start, and counts in them without a lock. The cells
/// of one metric with equal labels are one series. Any thread may use the registry.
public final class MetricsRegistry: Sendable {
  /// More series than fixed sets of labels make: beyond it, the values of a label come from
  /// clients.
  fileprivate static let seriesPerFamilyMax = 4_096

  /// Reads values that are kept elsewhere, whenever the metrics are read.
  public typealias Collector = @Sendable () -> [MetricSample]

  private struct State {
    var families: [String: MetricFamily] = [:]
    var collectors: [Collector] = []
  }

  private let state = Mutex(State())

  public init() {}

  /// Makes a new share of a counter.
  public func counter(_ description: MetricDescription, _ labels: [MetricLabel] = []) -> Counter {
    let cell = Counter()
    add(.counter(cell), to: description, labels, kind: .counter)
    return cell
  }

  /// Makes a new share of a gauge.
  public func gauge(_ description: MetricDescription, _ labels: [MetricLabel] = []) -> Gauge {
    let cell = Gauge()
    add(.gauge(cell), to: description, labels, kind: .gauge)
    return cell
  }

  /// Makes a new share of a histogram, with the bounds of its description.
  public func histogram(
    _ description: MetricDescription, _ labels: [MetricLabel] = []
  ) -> Histogram {
    guard let bounds = description.bounds else {
      preconditionFailure("\(description.name) is no histogram")
    }
    let cell = Histogram(bounds)
    add(.histogram(cell), to: description, labels, kind: .histogram)
    return cell
  }

  /// Calls `collector` whenever the metrics are read. It must not block.
  public func collect(_ collector: @escaping Collector) {
    state.withLock { $0.collectors.append(collector) }
  }

  /// All metrics and `samples` in Prometheus' text format 0.0.4, sorted by name and labels.
  public func text(adding samples: [MetricSample] = []) -> [UInt8] {
    let now = state.withLock { $0 }
    var families = now.families
    // Outside the lock: a collector may take locks of its own.
    for sample in now.collectors.flatMap({ $0() }) + samples {
      families[sample.description.name, default: MetricFamily(sample.description)]
        .add(.sample(sample.value), labels: sample.labels)
    }
    var text = PrometheusText()
    for name in families.keys.sorted() { families[name]?.append(to: &text) }
    return text.bytes
  }

  private func add(
    _ cell: MetricFamily.Cell, to description: MetricDescription, _ labels: [MetricLabel],
    kind: MetricDescription.Kind
  ) {
    precondition(description.kind == kind, "\(description.name) is a \(description.kind)")
    state.withLock {
      $0.families[description.name, default: MetricFamily(description)].add(cell, labels: labels)
    }
  }
}

/// The series of one metric.
private struct MetricFamily {
  /// A share of a series.
  enum Cell {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(Histogram)
    case sample(Double)
  }

  let description: MetricDescription
  /// The shares by the text of their labels, without braces.
  private var series: [String: [Cell]] = [:]

  init(_ description: MetricDescription) { self.description = description }

  mutating func add(_ cell: Cell, labels: [MetricLabel]) {
    series[PrometheusText.labels(labels), default: []].append(cell)
    precondition(
      series.count <= MetricsRegistry.seriesPerFamilyMax,
      "\(description.name): a label takes too many values")
  }

  func append(to text: inout PrometheusText) {
    text.appendHead(of: description)
    for labels in series.keys.sorted() {
      let cells = series[labels] ?? []
      if let bounds = description.bounds {
        text.append(description.name, labels, totals(of: cells, bounds))
      } else {
        text.append(description.name, labels, value(of: cells))
      }
    }
  }

  private func totals(of cells: [Cell], _ bounds: HistogramBounds) -> HistogramTotals {
    var totals = HistogramTotals(bounds)
    for case .histogram(let cell) in cells { cell.add(to: &totals) }
    return totals
  }

  /// Adds whole numbers up as integers, so that a counter stays exact above 2⁵³.
  private func value(of cells: [Cell]) -> PrometheusText.Number {
    var whole: Int64 = 0
    var fraction = 0.0
    for cell in cells {
      switch cell {
      case .counter(let cell): whole &+= Int64(truncatingIfNeeded: cell.value)
      case .gauge(let cell): whole &+= cell.value
      case .sample(let value): fraction += value
      case .histogram: break
      }
    }
    return fraction == 0 ? .whole(whole) : .fraction(Double(whole) + fraction)
  }
}
