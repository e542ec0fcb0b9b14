import EventLoop
import HTTP
import KeyValueStore
import Logging
import Observability
import Testing

@testable import Telemetry

@Suite("Spans are posted to a collector", .timeLimit(.minutes(1)))
struct SpanExporterTests {
  /// An exporter on a loop of its own, and the spans that it exports.
  private struct Exporting: Sendable {
    let registry = MetricsRegistry()
    let loop: EventLoop
    let spans: SpanBuffer
    let exporter: SpanExporter

    init(port: UInt16, spansMax: Int = 100) throws {
      loop = try EventLoop(name: "exporter")
      loop.start()
      var configuration = TelemetryConfiguration(
        try #require(CollectorAddress("http://127.0.0.1:\(port)")))
      configuration.interval = .milliseconds(1)
      configuration.firstPause = .milliseconds(1)
      configuration.longestPause = .milliseconds(2)
      configuration.batchSpansMax = 10
      let metrics = TelemetryMetrics(in: registry)
      spans = SpanBuffer(countMax: spansMax, metrics: metrics)
      exporter = SpanExporter(
        configuration, OTLPDocument(service: "s", version: "v", instance: "i"), from: spans,
        on: loop, metrics: metrics, logger: Logger(label: "test"))
    }

    func add(_ names: some Sequence<Int>) {
      for name in names {
        spans.append(
          Span(context: .at(1, 1), parent: nil, name: "<\(name)>", kind: .server, start: 1))
      }
    }

    /// Runs it until `body` returns.
    func running(_ body: @escaping @Sendable () async -> Void) async {
      await withTaskGroup { group in
        group.addTask(executorPreference: loop.executor) { await exporter.run() }
        await body()
        group.cancelAll()
      }
    }

    func flush(within duration: Duration) async {
      await withTaskExecutorPreference(loop.executor) { await exporter.flush(within: duration) }
    }

    /// Returns once a metric has this value.
    func until(_ line: String) async {
      while !has(line) { await Task.yield() }
    }

    /// Returns once a post has failed.
    func untilFailed() async {
      while has("kv_trace_export_failures_total 0") { await Task.yield() }
    }

    func has(_ line: String) -> Bool {
      String(decoding: registry.text(), as: UTF8.self).split(separator: "\n").contains(line[...])
    }
  }

  /// The names of the spans of each document.
  private func names(_ bodies: [String]) -> [[Int]] {
    bodies.map { $0.matches(of: /<(\d+)>/).compactMap { Int($0.output.1) } }
  }

  @Test("Each span once, in batches, to the path of OTLP")
  func batches() async throws {
    try await Collector.with { collector in
      let exporting = try Exporting(port: collector.port)
      defer { exporting.loop.stop() }
      exporting.add(0..<25)
      await exporting.running {
        await exporting.until(#"kv_trace_spans_total{end="exported"} 25"#)
        exporting.add(25..<26)
        await exporting.until(#"kv_trace_spans_total{end="exported"} 26"#)
      }
      let names = names(collector.bodies)
      #expect(names.flatMap { $0 } == Array(0..<26))
      #expect(names.map(\.count) == [10, 10, 5, 1])
      #expect(Set(collector.heads) == ["POST /v1/traces application/json"])
    }
  }

  @Test("A batch that the collector can't take now is posted again, one that it refuses is not")
  func answers() async throws {
    try await Collector.with { collector in
      collector.answer(.serviceUnavailable, .tooManyRequests, .ok, .badRequest, .ok)
      let exporting = try Exporting(port: collector.port)
      defer { exporting.loop.stop() }
      exporting.add(0..<30)
      await exporting.running {
        await exporting.until(#"kv_trace_spans_total{end="exported"} 20"#)
      }
      let tens = [Array(0..<10), Array(10..<20), Array(20..<30)]
      #expect(names(collector.bodies) == [tens[0], tens[0], tens[0], tens[1], tens[2]])
      #expect(exporting.has(#"kv_trace_spans_total{end="refused"} 10"#))
      #expect(exporting.has("kv_trace_export_failures_total 2"))
    }
  }

  @Test("While the collector is away, a bounded number of spans waits for it")
  func away() async throws {
    // Nothing listens there once it is closed.
    let listener = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 1)[0]
    listener.close()
    let exporting = try Exporting(port: listener.address.port, spansMax: 15)
    defer { exporting.loop.stop() }
    exporting.add(0..<20)
    await exporting.running {
      await exporting.untilFailed()
      #expect(exporting.spans.count == 15)
      #expect(exporting.has(#"kv_trace_spans_total{end="dropped"} 5"#))
    }
    await exporting.flush(within: .seconds(10))
    #expect(exporting.spans.count == 0)
    #expect(exporting.has(#"kv_trace_spans_total{end="dropped"} 20"#))
  }

  @Test("The last spans are exported at the end, all batches of them")
  func flush() async throws {
    try await Collector.with { collector in
      let exporting = try Exporting(port: collector.port)
      defer { exporting.loop.stop() }
      exporting.add(0..<25)
      await exporting.flush(within: .seconds(30))
      #expect(names(collector.bodies).flatMap { $0 } == Array(0..<25))
      #expect(exporting.spans.count == 0)
    }
  }

  @Test("A collector that never answers does not hold the end up", .timeLimit(.minutes(1)))
  func silent() async throws {
    // It takes connections, as the kernel does, and nobody reads.
    let listener = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 1)[0]
    defer { listener.close() }
    let exporting = try Exporting(port: listener.address.port)
    defer { exporting.loop.stop() }
    exporting.add(0..<25)
    await exporting.flush(within: .milliseconds(300))
    #expect(exporting.has(#"kv_trace_spans_total{end="dropped"} 25"#))
  }

  @Test("The status is read from the first line of an answer, or there is none")
  func statuses() {
    for (answer, status) in [
      ("HTTP/1.1 200 OK\r\n", 200), ("HTTP/1.0 503 \r\n", 503), ("HTTP/1.1 429", 429),
      ("HTTP/1.1 20", nil), ("HTTP/2 200 OK...", nil), ("SSH-2.0-OpenSSH", nil), ("", nil),
      ("HTTP/1.1 2x0 OK", nil),
    ] as [(String, Int?)] {
      #expect(CollectorClient.status(in: Array(answer.utf8)) == status, "\(answer)")
    }
  }
}
