internal import Basics
import HTTP
import KeyValueStore
import Telemetry

/// Records requests as spans, with what OpenTelemetry's conventions call them.
///
/// Only those that are let in: whom the head is enough to refuse may be anybody, and must not fill
/// the collector. Neither path, query nor any field becomes a part of a span: they hold keys.
struct RequestTracing: Sendable {
  let tracer: Tracer

  /// Begins the span of a request; nil: it is not recorded.
  func begin(_ request: AcceptedRequest) -> OpenSpan? {
    let trace = request.head.first(.traceparent).flatMap { TraceParent($0)?.incoming }
    // Named only if it is recorded.
    guard var open = tracer.begin(request.route.template, after: trace) else { return nil }
    let method = RouteMethod(request.head.method).name
    open.span.name = "\(method) \(request.route.template)"
    open.span.attributes = [
      Span.Attribute("http.request.method", method),
      Span.Attribute("http.route", request.route.template),
      // TLS ends before the server.
      Span.Attribute("url.scheme", "http"),
    ]
    return open
  }

  /// Answers a request within its span, and ends that. An error of the client is none of the
  /// server.
  func record(_ span: OpenSpan, _ answer: () async -> Response) async -> Response {
    let response = await tracer.carryOut(span, answer)
    var open = span
    let code = response.status.code
    open.span.attributes.append(Span.Attribute("http.response.status_code", code))
    if code >= 500 {
      open.span.attributes.append(Span.Attribute("error.type", "\(code)"))
      open.span.isFailed = true
    }
    tracer.end(open)
    return response
  }
}

/// The field `traceparent` (W3C Trace Context §3.2): names the trace that a request belongs to.
struct TraceParent: Equatable, Sendable {
  /// The field as it was sent.
  let text: String

  private static let groups = [2, 32, 16, 2]

  /// Nil if the field is not valid; it is then ignored.
  init?(_ field: ArraySlice<UInt8>) {
    var rest = field
    var parts: [ArraySlice<UInt8>] = []
    for (index, count) in Self.groups.enumerated() {
      if index > 0, rest.popFirst() != UInt8(ascii: "-") { return nil }
      let part = rest.prefix(count)
      guard part.count == count, part.allSatisfy(Self.isLowercaseHexadecimal) else { return nil }
      parts.append(part)
      rest = rest.dropFirst(count)
    }
    // Version ff is forbidden; later versions than 00 may have more behind another hyphen.
    let version = Array(parts[0])
    guard version != Array("ff".utf8) else { return nil }
    guard rest.isEmpty || (version != Array("00".utf8) && rest.first == UInt8(ascii: "-"))
    else { return nil }
    // "All bytes as zero is considered an invalid value", of the trace and of the parent.
    guard parts[1...2].allSatisfy({ part in part.contains { $0 != UInt8(ascii: "0") } })
    else { return nil }
    let known = field.prefix(Self.groups.reduce(3, +))
    text = String(decoding: known, as: UTF8.self)
  }

  /// What it means; the flag "sampled" is the last bit (§3.2.2.3.1).
  var incoming: IncomingTrace? {
    let digits = Array(text.utf8)
    func number(_ start: Int, _ count: Int) -> UInt64 {
      digits[start..<(start + count)].reduce(0) { $0 << 4 | UInt64($1.hexadecimalDigit ?? 0) }
    }
    guard
      let context = TraceContext(
        traceHigh: number(3, 16), traceLow: number(19, 16), span: number(36, 16))
    else { return nil }
    return IncomingTrace(context, isSampled: number(53, 2) & 1 == 1)
  }

  private static func isLowercaseHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}
