package import Basics
package import KeyValueStore
internal import Synchronization

/// Decides which requests are recorded, makes their spans, and hands the finished ones over to be
/// exported.
///
/// The work of a recorded request has its place in a trace as a value of its task. A process that
/// exports nothing has no tracer: nothing here is called then.
package final class Tracer: StoreTracer, Sendable {
  @TaskLocal private static var place: TraceContext?

  private let spans: SpanBuffer
  private let ids: SpanIDs
  /// Of 2^32 requests, this many are recorded.
  private let sampled: UInt64
  private let unixMicroseconds: @Sendable () -> Int64
  private let steadyTime: @Sendable () -> MonotonicTime

  /// - Parameters:
  ///   - share: see `TelemetryConfiguration.sampledShare`.
  ///   - spans: takes the spans that have ended.
  package init(
    share: Double, into spans: SpanBuffer, ids: SpanIDs = SpanIDs(),
    unixMicroseconds: @escaping @Sendable () -> Int64 = SystemTime.microseconds,
    steadyTime: @escaping @Sendable () -> MonotonicTime = MonotonicTime.now
  ) {
    self.spans = spans
    self.ids = ids
    self.unixMicroseconds = unixMicroseconds
    self.steadyTime = steadyTime
    sampled = UInt64(max(0, min(share, 1)) * 4_294_967_296)
  }

  // MARK: Requests

  /// Begins the span of a request; nil: it is not recorded.
  ///
  /// The sender's decision counts (`ParentBased` in OpenTelemetry's terms). Without one, a share of
  /// requests is recorded, each in a new trace.
  package func begin(_ name: String, after sender: IncomingTrace?) -> OpenSpan? {
    if let sender {
      guard sender.isSampled else { return nil }
      return open(name, .server, in: Span.Parent(sender.context, isRemote: true))
    }
    guard ids.next() & 0xFFFF_FFFF < sampled else { return nil }
    return open(name, .server, in: nil)
  }

  /// Carries out the work of a span.
  package func carryOut<Result>(
    _ span: OpenSpan, _ body: () async -> Result
  ) async -> Result {
    await Tracer.$place.withValue(span.context, operation: body)
  }

  /// Ends a span, with what was learnt of it.
  package func end(_ open: OpenSpan) {
    var span = open.span
    span.duration = open.began.duration(to: steadyTime())
    spans.append(span)
  }

  // MARK: Parts of requests

  package var current: TraceContext? { Tracer.place }

  /// Begins the span of a part of the current task's work; nil: that is not recorded.
  func beginPart(_ name: String, _ kind: Span.Kind) -> OpenSpan? {
    guard let place = Tracer.place else { return nil }
    return open(name, kind, in: Span.Parent(place))
  }

  /// The work of several requests is a span in the trace of the first, with links to all. In the
  /// traces of the others a span of the same time has a link to it: so each shows where its time
  /// went.
  package func follow<Result>(
    _ work: SharedWork, for origins: [TraceContext], _ body: () async -> Result
  ) async -> Result {
    let parents = origins.prefix(Span.linksMax).map {
      Span.Parent($0, isRemote: work.comesFromOthers)
    }
    var shared = open(work.name, work.kind, in: parents[0])
    shared.span.attributes = work.attributes
    shared.span.links = parents
    var others = parents.dropFirst().map { open(work.name, work.kind, in: $0) }
    for index in others.indices {
      others[index].span.attributes = work.attributes
      others[index].span.links = [Span.Parent(shared.context)]
    }
    let result = await carryOut(shared, body)
    for span in [shared] + others { end(span) }
    return result
  }

  private func open(_ name: String, _ kind: Span.Kind, in parent: Span.Parent?) -> OpenSpan {
    OpenSpan(
      span: Span(
        context: ids.make(in: parent?.context), parent: parent, name: name, kind: kind,
        start: unixMicroseconds()),
      began: steadyTime())
  }
}

/// What a request says of the trace that it belongs to.
package struct IncomingTrace: Equatable, Sendable {
  package let context: TraceContext
  /// Whether its sender records it.
  package let isSampled: Bool

  package init(_ context: TraceContext, isSampled: Bool) {
    self.context = context
    self.isSampled = isSampled
  }
}

/// Makes the ids of spans and traces: a sequence (SplitMix64) that begins anywhere, without a
/// system call for each. They have to be unique; it does no harm if they can be guessed.
package final class SpanIDs: Sendable {
  private let state: Atomic<UInt64>

  /// - Parameter seed: where it begins; random by default.
  package init(seed: UInt64 = .random(in: .min ... .max)) { state = Atomic(seed) }

  func next() -> UInt64 {
    var bits = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  /// A new span of a trace; nil: of a new trace.
  func make(in trace: TraceContext?) -> TraceContext {
    while true {
      let (high, low) = trace.map { ($0.traceHigh, $0.traceLow) } ?? (next(), next())
      if let context = TraceContext(traceHigh: high, traceLow: low, span: next()) {
        return context
      }
    }
  }
}

extension SharedWork {
  fileprivate var name: String {
    switch self {
    case .reading: "read batch"
    case .writing: "write batch"
    case .applying: "apply"
    }
  }

  fileprivate var kind: Span.Kind { comesFromOthers ? .consumer : .internal }

  /// Whether its requests were other processes'.
  fileprivate var comesFromOthers: Bool {
    if case .applying = self { true } else { false }
  }

  fileprivate var attributes: [Span.Attribute] {
    switch self {
    case .reading(let keys): [Span.Attribute("kv.batch.keys", keys)]
    case .writing(let count): [Span.Attribute("kv.batch.writes", count)]
    case .applying(let count):
      [
        Span.Attribute("messaging.system", "rabbitmq"),
        Span.Attribute("messaging.operation.name", "apply"),
        Span.Attribute("messaging.operation.type", "process"),
        Span.Attribute("messaging.batch.message_count", count),
      ]
    }
  }
}
