/// A field line (RFC 9112 §5): `field-name ":" OWS field-value OWS`.
struct FieldLine {
  let name: FieldName
  /// Where the name stands in the input; its start is that of the line.
  let nameRange: Range<Int>
  /// Where the value stands in the input, without the white space around it.
  let value: Range<Int>

  /// Reads the line at `line` of `input`, which holds no control character but tabs.
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

  /// What is wrong with a line whose name does not end at a colon, but at `index`.
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

extension FieldName {
  /// Recognizes a name, in any case (RFC 9110 §5.1).
  init(_ input: Span<UInt8>, _ range: Range<Int>) {
    // Length and first letter leave one name, or two of which the second letter leaves one; the
    // rest of it is compared.
    let candidate: FieldName
    switch (range.count, input[range.lowerBound] | 0x20) {
    case (4, UInt8(ascii: "h")): candidate = .host
    case (6, UInt8(ascii: "e")): candidate = .expect
    case (6, UInt8(ascii: "o")): candidate = .origin
    case (6, UInt8(ascii: "p")): candidate = .prefer
    case (8, UInt8(ascii: "i")): candidate = .ifMatch
    case (10, UInt8(ascii: "c")): candidate = .connection
    case (11, UInt8(ascii: "t")): candidate = .traceparent
    case (12, UInt8(ascii: "c")): candidate = .contentType
    case (12, UInt8(ascii: "x")): candidate = .xRequestID
    case (13, UInt8(ascii: "a")): candidate = .authorization
    case (13, UInt8(ascii: "c")):
      let isCache = input[range.lowerBound + 1] | 0x20 == UInt8(ascii: "a")
      candidate = isCache ? .cacheControl : .contentRange
    case (13, UInt8(ascii: "i")): candidate = .ifNoneMatch
    case (14, UInt8(ascii: "c")): candidate = .contentLength
    case (14, UInt8(ascii: "s")): candidate = .secFetchSite
    case (15, UInt8(ascii: "i")): candidate = .idempotencyKey
    case (16, UInt8(ascii: "c")): candidate = .contentEncoding
    case (17, UInt8(ascii: "t")): candidate = .transferEncoding
    case (19, UInt8(ascii: "i")): candidate = .ifUnmodifiedSince
    default: candidate = .other
    }
    self =
      candidate != .other && input.matches(range, lowercase: candidate.lowercased)
      ? candidate : .other
  }
}
