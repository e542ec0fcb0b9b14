internal import HTTP
internal import Logging
internal import Observability

/// Counts and logs the requests of one loop: each at debug, what the server could not do at
/// warning, gathered where it repeats itself.
///
/// A client's mistake is no warning: whoever can connect could fill the log with them. Neither keys
/// nor values are logged, at any level.
final class ExchangeRecorder: APIObserver {
  private let metrics: RequestMetrics
  private let logger: Logger
  private let warnings: RepeatedWarnings

  /// A recorder; `warnings` are the process's.
  init(metrics: RequestMetrics, logger: Logger, warnings: RepeatedWarnings) {
    self.metrics = metrics
    self.logger = logger
    self.warnings = warnings
  }

  func began() { metrics.began() }
  func ended() { metrics.ended() }

  func answered(_ exchange: Exchange) {
    metrics.count(exchange)
    if exchange.status.code >= 500 {
      warnings.log(
        "request failed", kind: Self.kind(exchange), metadata: Self.metadata(exchange))
    } else if logger.logLevel <= .debug {
      logger.debug("request", metadata: Self.metadata(exchange))
    }
  }

  /// What an operator would take for one trouble.
  private static func kind(_ exchange: Exchange) -> String {
    let problem = exchange.problem?.type.rawValue ?? "\(exchange.status.code)"
    return "\(problem) \(exchange.problem?.cause ?? "")"
  }

  private static func metadata(_ exchange: Exchange) -> Logger.Metadata {
    let (seconds, attoseconds) = exchange.duration.components
    var metadata: Logger.Metadata = [
      "request_id": "\(exchange.id.text)",
      "method": "\(MethodLabel(exchange.head.method).text)",
      "route": "\(exchange.route.label)",
      "status": .stringConvertible(exchange.status.code),
      "duration_us": .stringConvertible(seconds * 1_000_000 + attoseconds / 1_000_000_000_000),
    ]
    if let field = exchange.head.first(.traceparent), let trace = TraceParent(field) {
      metadata["traceparent"] = "\(trace.text)"
    }
    if let problem = exchange.problem {
      metadata["problem"] = "\(problem.type.rawValue)"
      if let cause = problem.cause { metadata["cause"] = "\(cause)" }
    }
    return metadata
  }
}
