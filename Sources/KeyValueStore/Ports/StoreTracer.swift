/// Follows requests through a store, for operators who trace them.
///
/// A store has none unless traces are wanted. What it is told of are the places where the work of
/// several requests becomes one; all else can be seen at the ports.
public protocol StoreTracer: Sendable {
  /// What the current task works for; nil: it is not recorded.
  var current: TraceContext? { get }

  /// Carries out `body`, which serves several requests at once, and records it in the traces of
  /// `origins`, of which there is at least one.
  func follow<Result>(
    _ work: SharedWork, for origins: [TraceContext], _ body: () async -> Result
  ) async -> Result
}

/// A place in a trace that is recorded (W3C Trace Context §3.2): a trace, and a span of it. The
/// store hands it on, also through the queue.
public struct TraceContext: Hashable, Sendable {
  /// The halves of the trace's id, which are not both 0.
  public let traceHigh: UInt64
  public let traceLow: UInt64
  /// The span's id, which is not 0.
  public let span: UInt64

  /// Nil: these are no ids.
  public init?(traceHigh: UInt64, traceLow: UInt64, span: UInt64) {
    guard traceHigh | traceLow != 0, span != 0 else { return nil }
    self.traceHigh = traceHigh
    self.traceLow = traceLow
    self.span = span
  }
}

/// Work that serves several requests.
public enum SharedWork: Equatable, Sendable {
  /// A look-up of so many different keys.
  case reading(keys: Int)
  /// One commit of so many writes, and what follows it.
  case writing(count: Int)
  /// So many deliveries of the queue, until they are acknowledged.
  case applying(count: Int)
}
