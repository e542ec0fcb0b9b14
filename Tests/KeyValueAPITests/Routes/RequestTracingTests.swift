import KeyValueStore
import Observability
import Testing

@testable import KeyValueAPI
@testable import Telemetry

@Suite("Requests are recorded as spans", .timeLimit(.minutes(1)))
struct RequestTracingTests {
  private static let trace = "0af7651916cd43dd8448eb211c80319c"
  private static let sampled = ("traceparent", "00-\(trace)-b7ad6b7169203331-01")
  private static let unsampled = ("traceparent", "00-\(trace)-b7ad6b7169203331-00")

  private let backing = Backing()
  private let spans = SpanBuffer(
    countMax: 1_000, metrics: TelemetryMetrics(in: MetricsRegistry()))

  /// Records all requests whose senders have not decided.
  private func server(_ authentication: any Authenticating = OpenAccess()) -> Server {
    Server(
      backing, authentication: authentication, tracer: Tracer(share: 1, into: spans))
  }

  /// The spans that have ended since the last call, by name.
  private func taken() -> [String: Span] {
    let ended = spans.first(.max)
    spans.removeFirst(ended.count)
    return Dictionary(uniqueKeysWithValues: ended.map { ($0.name, $0) })
  }

  @Test("A write has the spans of its batch, of the commit and of the cache, in its trace")
  func write() async throws {
    let server = server()
    _ = try await server.send("PUT /kv/hidden", [Self.sampled], body: "hidden")
    let spans = taken()
    #expect(
      Set(spans.keys) == ["PUT /kv/{key}", "write batch", "write sqlite", "update redis"])
    let request = try #require(spans["PUT /kv/{key}"])
    #expect(request.parent?.isRemote == true)
    #expect(request.parent?.context.span == 0xb7ad_6b71_6920_3331)
    #expect(request.kind == .server)
    #expect(
      request.attributes == [
        Span.Attribute("http.request.method", "PUT"), Span.Attribute("http.route", "/kv/{key}"),
        Span.Attribute("url.scheme", "http"), Span.Attribute("http.response.status_code", 201),
      ])
    let batch = try #require(spans["write batch"])
    #expect(batch.parent?.context == request.context)
    #expect(batch.links.map(\.context) == [request.context])
    for name in ["write sqlite", "update redis"] {
      #expect(spans[name]?.parent?.context == batch.context, "\(name)")
    }
    for span in spans.values {
      #expect(span.context.traceHigh == 0x0af7_6519_16cd_43dd)
      #expect(span.context.traceLow == 0x8448_eb21_1c80_319c)
      #expect(!"\(span)".contains("hidden"))
    }
  }

  @Test("A read has the look-up in the cache, and that in the database if the cache misses")
  func read() async throws {
    let server = server()
    _ = try await server.send("GET /kv/missing")
    let miss = taken()
    #expect(
      Set(miss.keys) == [
        "GET /kv/{key}", "find redis", "read batch", "read sqlite", "fill redis",
      ])
    #expect(miss["GET /kv/{key}"]?.parent == nil)
    #expect(miss["find redis"]?.attributes.last == Span.Attribute("kv.cache.hit", false))
    #expect(miss["GET /kv/{key}"]?.isFailed == false, "404 is no error of the server")
    _ = try await server.send("GET /kv/missing")
    let hit = taken()
    #expect(Set(hit.keys) == ["GET /kv/{key}", "find redis"])
    #expect(hit["find redis"]?.parent?.context == hit["GET /kv/{key}"]?.context)
    #expect(hit["find redis"]?.attributes.last == Span.Attribute("kv.cache.hit", true))
  }

  @Test("A queued write says in its message which span has sent it")
  func queue() async throws {
    backing.queue.follow(.keeps)
    let answer = try await server().send(
      "PUT /kv/a", [Self.sampled, ("Prefer", "respond-async")], body: "x")
    #expect(answer.status == 202)
    let spans = taken()
    #expect(Set(spans.keys) == ["PUT /kv/{key}", "send kv.writes"])
    #expect(backing.queue.kept.map(\.origin) == [spans["send kv.writes"]?.context])
    #expect(spans["send kv.writes"]?.parent?.context == spans["PUT /kv/{key}"]?.context)
  }

  @Test("A failure of the server is an error of the span, and of the call that has failed")
  func failure() async throws {
    let server = server()
    backing.database.fail(with: .overloaded(retryAfter: 1))
    _ = try await server.send("GET /kv/a", [("Cache-Control", "no-cache")])
    let spans = taken()
    #expect(spans["GET /kv/{key}"]?.isFailed == true)
    #expect(spans["GET /kv/{key}"]?.attributes.last == Span.Attribute("error.type", "503"))
    #expect(spans["read sqlite"]?.isFailed == true)
  }

  @Test("A request that its sender does not record, and one that is refused, has no span")
  func unrecorded() async throws {
    _ = try await server().send("PUT /kv/a", [Self.unsampled], body: "x")
    _ = try await server().send("PUT /kv/a?tll=1", [Self.sampled], body: "x")
    _ = try await server().send("BREW /kv/a", [Self.sampled])
    #expect(taken().isEmpty)
  }

  @Test("What traceparent says is read as it is written")
  func incoming() throws {
    func incoming(_ text: String) -> IncomingTrace? {
      TraceParent(Array(text.utf8)[...])?.incoming
    }
    let trace = try #require(incoming(Self.sampled.1))
    #expect(trace.context.traceHigh == 0x0af7_6519_16cd_43dd)
    #expect(trace.context.traceLow == 0x8448_eb21_1c80_319c)
    #expect(trace.context.span == 0xb7ad_6b71_6920_3331)
    for (flags, isSampled) in [("00", false), ("01", true), ("02", false), ("03", true)] {
      let text = "00-\(Self.trace)-b7ad6b7169203331-\(flags)"
      #expect(incoming(text)?.isSampled == isSampled, "\(flags)")
    }
    #expect(incoming("cc-\(Self.trace)-b7ad6b7169203331-01-more")?.isSampled == true)
    #expect(incoming("00-\(Self.trace)-0000000000000000-01") == nil)
  }
}
