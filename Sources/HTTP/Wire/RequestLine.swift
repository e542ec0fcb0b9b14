import Basics

/// A request line (RFC 9112 §3): `method SP request-target SP HTTP-version`.
struct RequestLine {
  let method: Method
  /// 0 or 1; a later minor version of HTTP/1 is served as HTTP/1.1 (RFC 9110 §2.5).
  let minorVersion: UInt8
  /// Where path and query stand in the input.
  let target: RequestTarget

  /// Reads the line at `line` of `input`, which holds no control character but tabs.
  init(
    _ input: Span<UInt8>, _ line: Range<Int>, methodBytesMax: Int
  ) throws(HTTPProblem) {
    let methodEnd = try RequestLine.methodEnd(input, line)
    // RFC 9112 §3: a method longer than any that the server knows is answered with 501.
    guard methodEnd - line.lowerBound <= methodBytesMax else {
      throw HTTPProblem(.notImplemented, "The method is longer than any that this server knows.")
    }
    // The version before the target: the preface of HTTP/2, `PRI * HTTP/2.0`, is to get its 505.
    var targetEnd = line.upperBound
    while targetEnd > methodEnd, input[targetEnd - 1] != .space { targetEnd -= 1 }
    // RFC 9112 §3: HTTP/0.9 had no version and is not spoken here.
    guard targetEnd - 1 > methodEnd else {
      throw HTTPProblem(
        .badRequest,
        "The request line must be a method, a target and a version, with one space between them.")
    }
    minorVersion = try RequestLine.minorVersion(input, targetEnd..<line.upperBound)
    method = Method(input, line.lowerBound..<methodEnd)
    target = try RequestTarget(input, methodEnd + 1..<targetEnd - 1, method: method)
  }

  private static func methodEnd(
    _ input: Span<UInt8>, _ line: Range<Int>
  ) throws(HTTPProblem) -> Int {
    var index = line.lowerBound
    while index < line.upperBound, OctetSet.token.contains(input[index]) { index += 1 }
    // RFC 9112 §3: `method = token`, then a single space. A line may be read leniently, split at
    // any white space, but §3 warns of what that has opened doors to.
    guard index > line.lowerBound, index < line.upperBound, input[index] == .space else {
      throw HTTPProblem(
        .badRequest, "The request must start with a method, which is a token, and a single space.")
    }
    return index
  }

  /// Reads `HTTP/1.0` or `HTTP/1.1` (RFC 9112 §2.3; the name is case-sensitive).
  private static func minorVersion(
    _ input: Span<UInt8>, _ range: Range<Int>
  ) throws(HTTPProblem) -> UInt8 {
    let start = range.lowerBound
    guard range.count == 8,
      input[start] == UInt8(ascii: "H"), input[start + 1] == UInt8(ascii: "T"),
      input[start + 2] == UInt8(ascii: "T"), input[start + 3] == UInt8(ascii: "P"),
      input[start + 4] == .slash, let major = input[start + 5].decimalDigit,
      input[start + 6] == UInt8(ascii: "."), let minor = input[start + 7].decimalDigit
    else {
      // RFC 9112 §2.3: `HTTP-version = "HTTP" "/" DIGIT "." DIGIT`.
      throw HTTPProblem(.badRequest, "The request line must end with HTTP/1.1 or HTTP/1.0.")
    }
    // RFC 9110 §15.6.6: a major version that is not spoken here.
    guard major == 1 else {
      throw HTTPProblem(.versionNotSupported, "This server speaks HTTP/1.1 and HTTP/1.0.")
    }
    return minor == 0 ? 0 : 1
  }
}

extension Method {
  /// Recognizes a method; only an unknown one costs a `String`.
  init(_ input: Span<UInt8>, _ range: Range<Int>) {
    if let known = Method.known(input, range) {
      self = known
      return
    }
    var name = ""
    for index in range { name.unicodeScalars.append(Unicode.Scalar(input[index])) }
    self = .other(name)
  }

  private static func known(_ input: Span<UInt8>, _ range: Range<Int>) -> Method? {
    // Methods are case-sensitive (RFC 9110 §9.1).
    switch range.count {
    case 3:
      if input.spells(range, "GET") { return .get }
      if input.spells(range, "PUT") { return .put }
    case 4:
      if input.spells(range, "HEAD") { return .head }
      if input.spells(range, "POST") { return .post }
    case 6: if input.spells(range, "DELETE") { return .delete }
    case 7: if input.spells(range, "OPTIONS") { return .options }
    default: break
    }
    return nil
  }
}
