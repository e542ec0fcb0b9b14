import Basics

/// The header section that has come so far (RFC 9112 §5), and what its fields say about the message
/// and the connection.
struct HeaderSection {
  /// The version of the request line, on which the meaning of some fields depends.
  var minorVersion: UInt8 = 1
  private(set) var fields: [RequestHead.Field] = []

  private var hasHost = false
  private var contentLength: Int?
  private var isChunked = false
  private var wantsClose = false
  private var wantsKeepAlive = false
  private var wantsContinue = false

  /// Adds the next field. Its positions are kept relative to `headStart`.
  mutating func append(
    _ line: FieldLine, of input: Span<UInt8>, headStart: Int
  ) throws(HTTPProblem) {
    // Most requests fit: one allocation for all fields.
    if fields.isEmpty { fields.reserveCapacity(16) }
    fields.append(
      RequestHead.Field(
        name: line.name,
        nameStart: UInt16(line.nameRange.lowerBound - headStart),
        nameEnd: UInt16(line.nameRange.upperBound - headStart),
        valueStart: UInt16(line.value.lowerBound - headStart),
        valueEnd: UInt16(line.value.upperBound - headStart)))
    switch line.name {
    case .host: try readHost(input, line.value)
    case .contentLength: try readContentLength(input, line.value)
    case .transferEncoding: try readTransferEncoding(input, line.value)
    case .connection: readConnection(input, line.value)
    case .expect: try readExpect(input, line.value)
    default: break
    }
  }

  /// Returns the fields and keeps none.
  mutating func takeFields() -> [RequestHead.Field] {
    var taken: [RequestHead.Field] = []
    swap(&taken, &fields)
    return taken
  }

  /// How a body follows. Call it once the empty line after the section has come.
  func framing() throws(HTTPProblem) -> RequestHead.Framing {
    // RFC 9112 §3.2: an HTTP/1.1 request without Host must be answered with 400.
    guard hasHost || minorVersion == 0 else {
      throw HTTPProblem(.badRequest, "The request must have a Host field.")
    }
    if isChunked { return .chunked }
    // RFC 9112 §6.3: with neither field, there is no body.
    guard let contentLength, contentLength > 0 else { return .none }
    return .length(contentLength)
  }

  /// Whether the connection persists (RFC 9112 §9.3): `close` takes precedence over everything
  /// else.
  var keepsAlive: Bool { !wantsClose && (minorVersion >= 1 || wantsKeepAlive) }

  /// Whether the client waits for a 100 before it sends the body.
  func expectsContinue(_ framing: RequestHead.Framing) -> Bool {
    // RFC 9110 §10.1.1: 100-continue must be ignored in HTTP/1.0, and a request without content has
    // nothing to continue with.
    wantsContinue && minorVersion >= 1 && framing != .none
  }

  private mutating func readHost(
    _ input: Span<UInt8>, _ value: Range<Int>
  ) throws(HTTPProblem) {
    // RFC 9112 §3.2: more than one Host, or an invalid one, must be answered with 400.
    guard !hasHost else {
      throw HTTPProblem(.badRequest, "The request must have only one Host field.")
    }
    guard input.isAuthority(value, allowsEmptyHost: true) else {
      throw HTTPProblem(
        .badRequest, "The Host field must be a host name or address and, if need be, a port.")
    }
    hasHost = true
  }

  private mutating func readContentLength(
    _ input: Span<UInt8>, _ value: Range<Int>
  ) throws(HTTPProblem) {
    // RFC 9112 §6.3: a repeated length may be refused even if both are equal.
    guard contentLength == nil else {
      throw HTTPProblem(.badRequest, "The request must have only one Content-Length field.")
    }
    // RFC 9112 §6.1: both fields are a sign of request smuggling.
    guard !isChunked else { throw HeaderSection.ambiguousLength }
    var length = 0
    for index in value {
      let (shifted, shiftOverflows) = length.multipliedReportingOverflow(by: 10)
      // RFC 9110 §8.6: `Content-Length = 1*DIGIT`, and a recipient must expect integer overflow.
      guard let digit = input[index].decimalDigit, !shiftOverflows else {
        throw HeaderSection.malformedLength
      }
      let (sum, sumOverflows) = shifted.addingReportingOverflow(digit)
      guard !sumOverflows else { throw HeaderSection.malformedLength }
      length = sum
    }
    guard !value.isEmpty else { throw HeaderSection.malformedLength }
    contentLength = length
  }

  private mutating func readTransferEncoding(
    _ input: Span<UInt8>, _ value: Range<Int>
  ) throws(HTTPProblem) {
    // RFC 9112 §6.1: in HTTP/1.0 the framing must be treated as faulty, whatever the value.
    guard minorVersion >= 1 else {
      throw HTTPProblem(
        .badRequest, "HTTP/1.0 has no Transfer-Encoding: send Content-Length, or use HTTP/1.1.")
    }
    // RFC 9112 §6.1: both fields are a sign of request smuggling.
    guard contentLength == nil else { throw HeaderSection.ambiguousLength }
    // RFC 9112 §7.1: chunked may be applied only once; §6.3: the length of a request whose last
    // coding is another can't be determined. Here chunked was the last coding of an earlier line.
    guard !isChunked else { throw HeaderSection.misplacedChunked }
    if input.matches(value, lowercase: "chunked") {
      isChunked = true
      return
    }
    var names = 0
    var chunked = 0
    input.forEachElement(of: value) { element in
      names += 1
      if input.matches(element, lowercase: "chunked") { chunked += 1 }
    }
    // RFC 9112 §7.1 and §6.3, as above. A list of empty elements is refused too: proxies differ in
    // how they read it.
    guard names > chunked, chunked == 0 || chunked == 1 && input.endsInChunked(value) else {
      throw HeaderSection.misplacedChunked
    }
    // RFC 9112 §6.1: a coding that the server does not understand should be answered with 501.
    throw HTTPProblem(
      .notImplemented, "The only transfer coding that this server understands is chunked.")
  }

  private mutating func readConnection(_ input: Span<UInt8>, _ value: Range<Int>) {
    // RFC 9110 §7.6.1: a list of case-insensitive options, which may be spread over several lines.
    input.forEachElement(of: value) { option in
      if input.matches(option, lowercase: "close") { wantsClose = true }
      if input.matches(option, lowercase: "keep-alive") { wantsKeepAlive = true }
    }
  }

  private mutating func readExpect(
    _ input: Span<UInt8>, _ value: Range<Int>
  ) throws(HTTPProblem) {
    try input.forEachElement(of: value) { (expectation) throws(HTTPProblem) in
      // RFC 9110 §10.1.1: any other expectation may be answered with 417.
      guard input.matches(expectation, lowercase: "100-continue") else {
        throw HTTPProblem(
          .expectationFailed, "The only expectation that this server meets is 100-continue.")
      }
      wantsContinue = true
    }
  }

  private static let ambiguousLength = HTTPProblem(
    .badRequest, "The request must not have both Transfer-Encoding and Content-Length.")
  private static let malformedLength = HTTPProblem(
    .badRequest, "Content-Length must be one decimal number below 2^63.")
  private static let misplacedChunked = HTTPProblem(
    .badRequest, "Transfer-Encoding must be chunked, once and last.")
}

extension Span<UInt8> {
  /// Whether the last element of a list is `chunked`.
  fileprivate func endsInChunked(_ list: Range<Int>) -> Bool {
    var start = list.upperBound
    while start > list.lowerBound, self[start - 1] != .comma { start -= 1 }
    return matches(trimmed(start..<list.upperBound), lowercase: "chunked")
  }
}

/// A field line (RFC 9112 §5): `field-name ":" OWS field-value OWS`.
struct FieldLine {
  let name: FieldName
  /// Where the name is in the input. It starts where the line starts.
  let nameRange: Range<Int>
  /// Where the value is in the input, without the white space around it.
  let value: Range<Int>

  /// Parses the line at `line` of `input`, which contains no control characters but tabs.
  init(_ input: Span<UInt8>, _ line: Range<Int>) throws(HTTPProblem) {
    var colon = line.lowerBound
    while colon < line.upperBound, OctetSet.token.contains(input[colon]) { colon += 1 }
    guard colon < line.upperBound, input[colon] == .colon, colon > line.lowerBound else {
      throw FieldLine.problem(input, line, at: colon)
    }
    nameRange = line.lowerBound..<colon
    name = FieldName(input, nameRange)
    value = input.trimmed(colon + 1..<line.upperBound)
  }

  /// Why a line is refused whose name is empty, or ends at `index` without a colon.
  private static func problem(
    _ input: Span<UInt8>, _ line: Range<Int>, at index: Int
  ) -> HTTPProblem {
    if index < line.upperBound, input[index] == .colon {
      // RFC 9110 §5.1: `field-name = token`, at least one character.
      return HTTPProblem(.badRequest, "A header field must have a name before its colon.")
    }
    if index < line.upperBound, input[index].isWhiteSpace {
      // RFC 9112 §5.1: white space between a name and the colon must be refused with 400.
      return HTTPProblem(
        .badRequest, "A header field's name must be followed by a colon, without white space.")
    }
    // RFC 9110 §5.1: `field-name = token`.
    return HTTPProblem(
      .badRequest, "A header field must be a name, made of token characters, a colon and a value.")
  }
}
