internal import Basics
internal import HTTP
internal import Logging
internal import Observability

/// A request and how it was answered, for metrics and logs.
struct AnsweredRequest {
  let route: Route
  /// For the method and `traceparent`. The path is not to be logged: it holds a key.
  let head: RequestHead
  /// The answer's `X-Request-Id`.
  let id: RequestID
  let status: Status
  /// From the whole request to the whole answer, without the time on the wire.
  let duration: Duration
  let problem: Problem?
}

/// Hears of every answered request. Called on the loop: it must not block.
protocol APIObserver {
  /// A request was accepted and is being answered from now on.
  func began()
  /// A request that began has been answered, or was cancelled.
  func ended()
  /// A request was answered, or refused before it began.
  func answered(_ request: AnsweredRequest)
}

/// Counts and logs the requests of one loop: every request at debug, failures of the server as
/// warnings, of which repeated ones are gathered.
///
/// A client's mistake is no warning: otherwise any client could fill the log. Keys and values are
/// logged at no level.
final class RequestRecorder: APIObserver {
  private let metrics: RequestMetrics
  private let logger: Logger
  private let warnings: RepeatedWarnings

  /// `warnings` are shared by the process.
  init(metrics: RequestMetrics, logger: Logger, warnings: RepeatedWarnings) {
    self.metrics = metrics
    self.logger = logger
    self.warnings = warnings
  }

  func began() { metrics.began() }
  func ended() { metrics.ended() }

  func answered(_ request: AnsweredRequest) {
    metrics.count(request)
    if request.status.code >= 500 {
      warnings.log("request failed", kind: Self.kind(request), metadata: Self.metadata(request))
    } else if logger.logLevel <= .debug {
      logger.debug("request", metadata: Self.metadata(request))
    }
  }

  /// Failures of one kind have the same cause, as far as an operator is concerned.
  private static func kind(_ request: AnsweredRequest) -> String {
    let problem = request.problem?.type.anchor.description ?? "\(request.status.code)"
    return "\(problem) \(request.problem?.cause ?? "")"
  }

  private static func metadata(_ request: AnsweredRequest) -> Logger.Metadata {
    var metadata: Logger.Metadata = [
      "request_id": "\(request.id.text)",
      "method": "\(RouteMethod(request.head.method).name)",
      "route": "\(request.route.template)",
      "status": .stringConvertible(request.status.code),
      "duration_us": .stringConvertible(request.duration.microseconds),
    ]
    if let field = request.head.first(.traceparent), let trace = TraceParent(field) {
      metadata["traceparent"] = "\(trace.text)"
    }
    if let problem = request.problem {
      metadata["problem"] = "\(problem.type.anchor)"
      if let cause = problem.cause { metadata["cause"] = "\(cause)" }
    }
    return metadata
  }
}
