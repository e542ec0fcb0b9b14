internal import Synchronization

/// Knows every metric of the process and writes them all down for Prometheus.
///
/// Each event loop asks for cells of its own, once, and counts in them without a lock; cells of one
/// family and equal labels are one series. Callable from any thread.
public final class MetricsRegistry: Sendable {
  /// More series than any fixed set of labels makes: past it, a label comes from clients.
  static let seriesPerFamilyMax = 4_096

  /// Reads values that somebody else keeps, when the metrics are asked for.
  public typealias Collector = @Sendable () -> [MetricSample]

  private struct State {
    var families: [String: MetricFamily] = [:]
    var collectors: [Collector] = []
  }

  private let state = Mutex(State())

  /// No metrics yet.
  public init() {}

  /// A new share of a counter.
  public func counter(_ description: MetricDescription, _ labels: [MetricLabel] = []) -> Counter {
    let cell = Counter()
    add(.counter(cell), to: description, labels, kind: .counter)
    return cell
  }

  /// A new share of a gauge.
  public func gauge(_ description: MetricDescription, _ labels: [MetricLabel] = []) -> Gauge {
    let cell = Gauge()
    add(.gauge(cell), to: description, labels, kind: .gauge)
    return cell
  }

  /// A new share of a histogram, with the bounds of its description.
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

  /// Has values read whenever the metrics are asked for. `collector` must not block.
  public func collect(_ collector: @escaping Collector) {
    state.withLock { $0.collectors.append(collector) }
  }

  /// All metrics in Prometheus' text format 0.0.4, sorted by name and labels, with `samples` among
  /// them.
  public func text(adding samples: [MetricSample] = []) -> [UInt8] {
    let now = state.withLock { $0 }
    var families = now.families
    // Outside of the lock: a collector may take locks of its own.
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
