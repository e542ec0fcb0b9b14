import Basics
import KeyValueStore
import Observability
import Synchronization

@testable import Telemetry

/// A tracer with a clock of its own, whose spans can be looked at.
struct TracerFixture: Sendable {
  let registry = MetricsRegistry()
  let spans: SpanBuffer
  let tracer: Tracer
  /// In microseconds.
  private let passed: Time

  private final class Time: Sendable {
    let microseconds = Atomic<Int64>(0)
  }

  init(share: Double = 1, seed: UInt64 = 1, spansMax: Int = 1_000) {
    let passed = Time()
    self.passed = passed
    spans = SpanBuffer(countMax: spansMax, metrics: TelemetryMetrics(in: registry))
    tracer = Tracer(
      share: share, into: spans, ids: SpanIDs(seed: seed),
      unixMicroseconds: { 1_000_000 + passed.microseconds.load(ordering: .relaxed) },
      steadyTime: {
        MonotonicTime(nanoseconds: UInt64(passed.microseconds.load(ordering: .relaxed)) * 1_000)
      })
  }

  func advance(microseconds: Int64) {
    passed.microseconds.wrappingAdd(microseconds, ordering: .relaxed)
  }

  var ended: [Span] { spans.first(.max) }

  func metric(_ line: String) -> Bool {
    String(decoding: registry.text(), as: UTF8.self).split(separator: "\n").contains(line[...])
  }
}

extension TraceContext {
  /// A place whose parts are given; none of them may be 0.
  static func at(_ trace: UInt64, _ span: UInt64) -> TraceContext {
    guard let context = TraceContext(traceHigh: 0xA, traceLow: trace, span: span) else {
      preconditionFailure("the ids of a test are ids")
    }
    return context
  }

  func isInTrace(of other: TraceContext) -> Bool {
    (traceHigh, traceLow) == (other.traceHigh, other.traceLow)
  }
}
