import Logging
import Observability
import Synchronization
import Testing

@testable import HTTP
@testable import KeyValueAPI

@Suite("What is logged of a request")
struct RequestRecorderTests {
  /// Keeps events instead of writing them.
  private struct Recording: LogHandler {
    final class Events: Sendable {
      private let events = Mutex<[LogEvent]>([])
      func append(_ event: LogEvent) { events.withLock { $0.append(event) } }
      var all: [LogEvent] { events.withLock { $0 } }
    }

    let events: Events
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { events.append(event) }
  }

  /// The events of a request that was answered like this, so many times.
  private func events(
    _ level: Logger.Level, status: Status, problem: Problem? = nil,
    fields: String = "", target: String = "/kv/hidden?ttl=1", times: Int = 1
  ) throws -> [LogEvent] {
    let events = Recording.Events()
    let logger = Logger(label: "test") { _ in Recording(events: events, logLevel: level) }
    var parser = HTTPParser()
    let bytes = Array("GET \(target) HTTP/1.1\r\nHost: hidden\r\n\(fields)\r\n".utf8)
    guard case .head(let head, _) = try parser.parse(bytes.span) else { return [] }
    let warnings = RepeatedWarnings(logger: logger)
    let recorder = RequestRecorder(
      metrics: RequestMetrics(registry: MetricsRegistry()), logger: logger, warnings: warnings)
    for _ in 0..<times {
      recorder.answered(
        AnsweredRequest(
          route: .of(head.path), head: head, id: RequestID(0xAB), status: status,
          duration: .microseconds(1_234), problem: problem))
    }
    warnings.summarize()
    return events.all
  }

  @Test("At debug every request is one line, without its key")
  func debug() throws {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    let events = try events(.debug, status: .ok, fields: "traceparent: \(trace)\r\n")
    #expect(events.count == 1)
    let metadata = try #require(events.first?.metadata).mapValues(\.description)
    #expect(
      metadata == [
        "request_id": "00000000000000ab", "method": "GET", "route": "/kv/{key}", "status": "200",
        "duration_us": "1234", "traceparent": trace,
      ])
    #expect(events.first?.level == .debug)
  }

  @Test("At info a client's mistake is no line, and what the server could not do is a warning")
  func info() throws {
    #expect(try events(.info, status: .ok).isEmpty)
    #expect(try events(.info, status: .badRequest, problem: Problem(.invalidKey, "")).isEmpty)
    var problem = Problem(.unavailable, "Try again.")
    problem.cause = "the disk is full"
    let events = try events(.info, status: .serviceUnavailable, problem: problem)
    #expect(events.map(\.level) == [.warning])
    #expect(events.first?.metadata?["cause"]?.description == "the disk is full")
    #expect(events.first?.metadata?["problem"]?.description == "unavailable")
  }

  @Test("Failures that repeat themselves are two lines, however many there are")
  func repeated() throws {
    var problem = Problem(.unavailable, "Try again.")
    problem.cause = "the disk is full"
    let events = try events(
      .info, status: .serviceUnavailable, problem: problem, times: 1_000)
    #expect(events.count == 2)
    #expect(events.first?.metadata?["repeated"] == nil)
    #expect(events.last?.metadata?["repeated"]?.description == "999")
    #expect(events.last?.metadata?["request_id"] != nil)
  }

  @Test("An invalid traceparent is not logged")
  func invalidTrace() throws {
    let events = try events(.debug, status: .ok, fields: "traceparent: hidden\r\n")
    #expect(events.count == 1)
    #expect(events.first?.metadata?["traceparent"] == nil)
  }
}

@Suite("The field traceparent")
struct TraceParentTests {
  private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
  private static let parent = "00f067aa0ba902b7"

  private func text(_ field: String) -> String? { TraceParent(Array(field.utf8)[...])?.text }

  @Test("A valid field is kept as it came")
  func valid() {
    let field = "00-\(Self.trace)-\(Self.parent)-01"
    #expect(text(field) == field)
  }

  @Test("A later version may have more behind it, which is left out")
  func laterVersion() {
    let field = "01-\(Self.trace)-\(Self.parent)-00"
    #expect(text(field) == field)
    #expect(text(field + "-what-the-future-will-be-like") == field)
  }

  @Test(
    "An invalid field is ignored",
    arguments: [
      "", "00", "00-\(trace)-\(parent)", "00-\(trace)-\(parent)-1", "00-\(trace)-\(parent)-011",
      "00-\(trace)-\(parent)-01-more", "01-\(trace)-\(parent)-01more", "ff-\(trace)-\(parent)-01",
      "00-\(trace.uppercased())-\(parent)-01", "00_\(trace)-\(parent)-01",
      "00-00000000000000000000000000000000-\(parent)-01", "00-\(trace)-0000000000000000-01",
      "00-\(trace.dropLast())-\(parent)-01", "00-\(trace)g\(parent)-01", "0g-\(trace)-\(parent)-01",
    ])
  func invalid(_ field: String) {
    #expect(text(field) == nil)
  }
}
