internal import DequeModule
package import Observability
internal import Synchronization

/// Spans that have ended and wait to be exported: at most a fixed number. When it is reached, new
/// ones are dropped and counted, so that a collector that is away costs no more than that.
///
/// Any thread may append; one task takes.
package final class SpanBuffer: Sendable {
  private let waiting = Mutex<Deque<Span>>([])
  private let countMax: Int
  private let dropped: Counter

  package init(countMax: Int, metrics: TelemetryMetrics) {
    self.countMax = countMax
    dropped = metrics.spans[.dropped]
  }

  package func append(_ span: Span) {
    let isFull = waiting.withLock { spans in
      if spans.count >= countMax { return true }
      spans.append(span)
      return false
    }
    if isFull { dropped.add() }
  }

  package var count: Int { waiting.withLock { $0.count } }

  /// The oldest spans, at most `most` of them. They stay until they are removed.
  func first(_ most: Int) -> [Span] { waiting.withLock { Array($0.prefix(most)) } }

  /// Removes the oldest, which `first` has returned.
  func removeFirst(_ count: Int) { waiting.withLock { $0.removeFirst(count) } }
}

/// Counts what becomes of spans.
package struct TelemetryMetrics: Sendable {
  package enum End: String, CaseIterable, Sendable {
    /// The collector has taken it.
    case exported
    /// The collector will never take it.
    case refused
    /// Too many waited, or the process ended.
    case dropped
  }

  let spans: LabelledCounters<End>
  let failures: Counter

  package init(in registry: MetricsRegistry) {
    spans = LabelledCounters(TelemetryMetrics.spans, by: "end", in: registry)
    failures = registry.counter(TelemetryMetrics.failures)
  }

  private static let spans = MetricDescription.counter(
    "kv_trace_spans_total", "Spans of traces that have ended, by what became of them.")
  private static let failures = MetricDescription.counter(
    "kv_trace_export_failures_total",
    "Requests to the collector of traces that have failed, and are repeated.")

  package static let catalogue = [spans, failures]
}
