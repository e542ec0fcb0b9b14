import EventLoop
import KeyValueStore
import Testing

@testable import Telemetry

@Suite("Spans as OTLP's JSON")
struct OTLPDocumentTests {
  private let document = OTLPDocument(service: "kv-api", version: "1.2.3", instance: "i-1")

  private let start =
    #"{"resourceSpans":[{"resource":{"attributes":["#
    + #"{"key":"service.name","value":{"stringValue":"kv-api"}},"#
    + #"{"key":"service.version","value":{"stringValue":"1.2.3"}},"#
    + #"{"key":"service.instance.id","value":{"stringValue":"i-1"}}]},"#
    + #""scopeSpans":[{"scope":{"name":"key-value-store","version":"1.2.3"},"spans":["#
  private let end = "]}]}]}"

  private func text(_ spans: Span...) -> String {
    String(decoding: document.text(of: spans), as: UTF8.self)
  }

  @Test("A span is, byte by byte, what the protocol says")
  func oneSpan() {
    var span = Span(
      context: .at(0x1F, 0xB7AD), parent: Span.Parent(.at(0x1F, 0xC0FFEE), isRemote: true),
      name: "PUT /kv/{key}", kind: .server, start: 1_700_000_000_123_456)
    span.duration = .nanoseconds(1_002_003)
    span.attributes = [
      Span.Attribute("http.route", "/kv/{key}"), Span.Attribute("http.response.status_code", 503),
      Span.Attribute("kv.cache.hit", false),
    ]
    span.links = [Span.Parent(.at(2, 3))]
    span.isFailed = true
    let expected =
      #"{"traceId":"000000000000000a000000000000001f","spanId":"000000000000b7ad","#
      + #""parentSpanId":"0000000000c0ffee","flags":769,"name":"PUT /kv/{key}","kind":2,"#
      + #""startTimeUnixNano":"1700000000123456000","endTimeUnixNano":"1700000000124458003","#
      + #""attributes":[{"key":"http.route","value":{"stringValue":"/kv/{key}"}},"#
      + #"{"key":"http.response.status_code","value":{"intValue":"503"}},"#
      + #"{"key":"kv.cache.hit","value":{"boolValue":false}}],"#
      + #""links":[{"traceId":"000000000000000a0000000000000002","#
      + #""spanId":"0000000000000003","flags":257}],"status":{"code":2}}"#
    #expect(text(span) == start + expected + end)
  }

  @Test("The first span of a trace has no parent, and one without links or error says nothing")
  func least() {
    let span = Span(context: .at(1, 2), parent: nil, name: "n", kind: .internal, start: 1)
    let expected =
      #"{"traceId":"000000000000000a0000000000000001","spanId":"0000000000000002","#
      + #""flags":257,"name":"n","kind":1,"startTimeUnixNano":"1000","#
      + #""endTimeUnixNano":"1000","attributes":[]}"#
    #expect(text(span, span) == start + expected + "," + expected + end)
  }
}

@Suite("The address of a collector")
struct CollectorAddressTests {
  @Test("A URL without a path is that of OTLP; another path is taken as it is")
  func addresses() throws {
    for (text, server, path) in [
      ("http://127.0.0.1:4318", "127.0.0.1:4318", "/v1/traces"),
      ("http://collector", "collector:4318", "/v1/traces"),
      ("http://collector:80/", "collector:80", "/v1/traces"),
      ("http://[::1]:9/a%20b", "[::1]:9", "/a%20b"),
    ] {
      let address = try #require(CollectorAddress(text), "\(text)")
      #expect(address.server.description == server)
      #expect(address.path == path)
    }
  }

  @Test(
    "What can't be posted to is refused",
    arguments: [
      "", "collector:4318", "https://collector:4318", "http://", "http://:4318", "http://a:0",
      "http://a:99999", "http://user:secret@a", "http://a/?b", "http://a/#b", "ftp://a",
    ])
  func refused(text: String) {
    #expect(CollectorAddress(text) == nil)
  }
}
