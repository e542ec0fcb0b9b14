internal import Basics
package import EventLoop
package import Logging
internal import Observability

/// Posts the spans of a process to a collector, in batches. While the collector is away, spans wait
/// in the buffer, which is bounded.
package struct SpanExporter: Sendable {
  private let configuration: TelemetryConfiguration
  private let document: OTLPDocument
  private let spans: SpanBuffer
  private let metrics: TelemetryMetrics
  private let client: CollectorClient
  private let logger: Logger

  /// - Parameter loop: where it runs.
  package init(
    _ configuration: TelemetryConfiguration, _ document: OTLPDocument, from spans: SpanBuffer,
    on loop: EventLoop, metrics: TelemetryMetrics, logger: Logger
  ) {
    self.configuration = configuration
    self.document = document
    self.spans = spans
    self.metrics = metrics
    self.logger = logger
    client = CollectorClient(configuration.collector, on: loop)
  }

  /// Exports until the task is cancelled. Call it on the loop.
  package func run() async {
    var backoff = newBackoff
    var isAway = false
    while !Task.isCancelled {
      guard spans.count > 0 else {
        try? await Task.sleep(for: configuration.interval)
        continue
      }
      if let obstacle = await exportBatch(within: configuration.deadline) {
        if !isAway {
          logger.warning("the collector of traces is away", metadata: ["cause": "\(obstacle)"])
        }
        isAway = true
        try? await Task.sleep(for: backoff.next())
        continue
      }
      if isAway { logger.notice("the collector of traces is back") }
      isAway = false
      backoff = newBackoff
      if spans.count < configuration.batchSpansMax {
        try? await Task.sleep(for: configuration.interval)
      }
    }
  }

  /// Exports what waits, for the end of the process: each batch is tried once, and what the
  /// collector has not taken within `duration` is dropped. Call it on the loop.
  package func flush(within duration: Duration) async {
    let end = ContinuousClock.now + duration
    while spans.count > 0 {
      let left = end - .now
      guard left > .zero, await exportBatch(within: min(left, configuration.deadline)) == nil else {
        let lost = spans.count
        spans.removeFirst(lost)
        metrics.spans[.dropped].add(lost)
        logger.warning("spans were not exported", metadata: ["spans": "\(lost)"])
        return
      }
    }
  }

  private var newBackoff: Backoff {
    Backoff(first: configuration.firstPause, longest: configuration.longestPause)
  }

  /// Posts the oldest spans.
  /// - Returns: why they have to be posted again; nil: they have not.
  private func exportBatch(within duration: Duration) async -> String? {
    let batch = spans.first(configuration.batchSpansMax)
    let answer = await client.post(document.text(of: batch), within: duration)
    switch answer {
    case .failed(let cause):
      metrics.failures.add()
      return cause
    case .status(let status) where Self.isTemporary(status):
      metrics.failures.add()
      return "it answers \(status)"
    case .status(let status):
      spans.removeFirst(batch.count)
      let isTaken = (200..<300).contains(status)
      metrics.spans[isTaken ? .exported : .refused].add(batch.count)
      if !isTaken {
        logger.warning(
          "the collector refuses spans", metadata: ["status": .stringConvertible(status)])
      }
      return nil
    }
  }

  /// The statuses after which OTLP/HTTP repeats a request.
  private static func isTemporary(_ status: Int) -> Bool { [429, 502, 503, 504].contains(status) }
}
