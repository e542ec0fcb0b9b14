package import EventLoop
internal import Foundation
package import Logging
package import Service
internal import ServiceLifecycle
package import Telemetry

/// The spans of a program: recorded while it serves, exported as long as it runs. Only a process
/// with KV_OTLP_URL has it.
package struct Tracing: Service {
  package let tracer: Tracer
  private let exporter: SpanExporter
  private let loop: EventLoop
  private let flushTime: Duration

  /// How long the last spans may take at the end of the process.
  private static let flushTimeMax = Duration.seconds(2)

  /// - Parameters:
  ///   - program: the name of the service.
  ///   - loop: where spans are exported.
  ///   - drain: see `CommonSettings.drain`.
  package init(
    _ configuration: TelemetryConfiguration, program: String, on loop: EventLoop, drain: Duration,
    metrics: TelemetryMetrics, logger: Logger
  ) {
    let spans = SpanBuffer(countMax: configuration.spansMax, metrics: metrics)
    tracer = Tracer(share: configuration.sampledShare, into: spans)
    self.loop = loop
    exporter = SpanExporter(
      configuration,
      OTLPDocument(
        service: program, version: BuildInformation.version,
        instance: UUID().uuidString.lowercased()),
      from: spans, on: loop, metrics: metrics, logger: logger)
    flushTime = min(drain, Self.flushTimeMax)
  }

  /// Runs until the process is asked to stop. The last service to end, as requests and deliveries
  /// have spans until then.
  package func run() async throws {
    await withTaskExecutorPreference(loop.executor) {
      await cancelWhenGracefulShutdown { await exporter.run() }
      await exporter.flush(within: flushTime)
    }
  }
}

/// What traces call the services behind a store.
package struct TracedNames: Sendable {
  let database: TracedSystem
  let cache: TracedSystem
  /// The queue's name at the broker; nil: there is no broker.
  let queue: String?

  package init(database: TracedSystem, cache: TracedSystem, queue: String? = nil) {
    self.database = database
    self.cache = cache
    self.queue = queue
  }
}

extension StorePorts {
  /// The same, with a span for each call that a recorded request makes.
  func traced(_ names: TracedNames, _ tracer: Tracer) -> StorePorts {
    StorePorts(
      database: TracedDatabase(database, names.database, tracer),
      cache: TracedCache(cache, names.cache, tracer),
      queue: names.queue.map { TracedQueue(queue, destination: $0, tracer) } ?? queue,
      feed: feed, repairs: repairs, turns: turns)
  }
}

/// The settings of traces, of kv-api and kv-worker.
package enum TelemetrySettings {
  /// Empty: no traces.
  package static let collector = Setting<CollectorAddress?>(
    description: SettingDescription(
      name: "KV_OTLP_URL", topic: .tracing, fallback: "",
      allowed: "http:// with host, port and, if it is not /v1/traces, the path",
      meaning: "The OpenTelemetry collector that spans of requests are sent to, as OTLP/HTTP in "
        + "JSON. They hold no keys and no values. Without it nothing is recorded."),
    fallback: nil, parse: { CollectorAddress($0).map { .some($0) } })

  package static let sampledShare = Setting<Double>(
    description: SettingDescription(
      name: "KV_OTLP_SAMPLE", topic: .tracing, fallback: "0.01", allowed: "0 to 1",
      meaning: "The share of requests that are recorded, of those without a traceparent; one with "
        + "a traceparent is recorded if that says so. kv-worker records what kv-api has recorded."),
    fallback: 0.01, parse: { Double($0).flatMap { (0...1).contains($0) ? $0 : nil } })

  package static let all = [collector.description, sampledShare.description]

  /// Reads them. Nil: nothing is to be recorded.
  package static func configuration(_ reader: inout SettingsReader) -> TelemetryConfiguration? {
    let share = reader.value(of: sampledShare)
    guard let address = reader.value(of: collector) else { return nil }
    var configuration = TelemetryConfiguration(address)
    configuration.sampledShare = share
    return configuration
  }
}
