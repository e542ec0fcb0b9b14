import Basics

/// A request line (RFC 9112 §3): `method SP request-target SP HTTP-version`.
struct RequestLine {
  let method: Method
  /// 0 or 1; a later minor version of HTTP/1 is served as HTTP/1.1 (RFC 9110 §2.5).
  let minorVersion: UInt8
  /// Where path and query are in the input.
  let target: RequestTarget

  /// Parses the line at `line` of `input`, which contains no control characters but tabs.
  init(
    _ input: Span<UInt8>, _ line: Range<Int>, methodBytesMax: Int
  ) throws(HTTPProblem) {
    let methodEnd = try RequestLine.methodEnd(input, line)
    // RFC 9112 §3: a method longer than any that the server knows is answered with 501.
    guard methodEnd - line.lowerBound <= methodBytesMax else {
      throw HTTPProblem(.notImplemented, "The method is longer than any that this server knows.")
    }
    // The version comes before the target, so that the preface of HTTP/2, `PRI * HTTP/2.0`, is
    // answered with 505.
    var targetEnd = line.upperBound
    while targetEnd > methodEnd, input[targetEnd - 1] != .space { targetEnd -= 1 }
    // RFC 9112 §3: HTTP/0.9 has no version and is not supported.
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
    // RFC 9112 §3: `method = token`, then a single space. A recipient may split the line at any
    // white space instead, but §3 warns of the attacks that this makes possible.
    guard index > line.lowerBound, index < line.upperBound, input[index] == .space else {
      throw HTTPProblem(
        .badRequest, "The request must start with a method, which is a token, and a single space.")
    }
    return index
  }

  /// Parses `HTTP/1.0` or `HTTP/1.1` (RFC 9112 §2.3; the name is case-sensitive).
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
    // RFC 9110 §15.6.6: a major version that is not supported.
    guard major == 1 else {
      throw HTTPProblem(.versionNotSupported, "This server speaks HTTP/1.1 and HTTP/1.0.")
    }
    return minor == 0 ? 0 : 1
  }
}

/// A request target (RFC 9112 §3.2): where the path and the query are in the input.
struct RequestTarget {
  let path: Range<Int>
  // Plain numbers: the size of an optional range makes each copy of it stall the processor.
  private let queryStart: Int
  private let end: Int

  /// The query without its `?`; nil if there is none.
  var query: Range<Int>? { queryStart > 0 ? queryStart..<end : nil }

  fileprivate init(
    _ input: Span<UInt8>, _ target: Range<Int>, method: Method
  ) throws(HTTPProblem) {
    // A question mark is never at 0, where the method starts.
    var question = 0
    for index in target {
      let byte = input[index]
      // RFC 9112 §3.2: no white space; RFC 3986 §2: ASCII only, and no fragment, which `#` starts.
      guard OctetSet.target.contains(byte) else {
        throw HTTPProblem(
          .badRequest,
          "The request target must percent-encode spaces, control characters, \"<>#\\ and all "
            + "bytes outside ASCII.")
      }
      if byte == .question, question == 0 { question = index }
    }
    let pathEnd = question > 0 ? question : target.upperBound
    queryStart = question > 0 ? question + 1 : 0
    end = target.upperBound

    if method == .other("CONNECT") {
      // RFC 9112 §3.2.3, RFC 9110 §9.3.6: the authority form is for CONNECT, and CONNECT for
      // proxies.
      throw HTTPProblem(.notImplemented, "This server is no proxy: CONNECT is not supported.")
    }
    if input[target.lowerBound] == .slash {
      // RFC 9112 §3.2.1: origin form.
      path = target.lowerBound..<pathEnd
    } else if input.spells(target, "*") {
      // RFC 9112 §3.2.4: the asterisk form is for OPTIONS only.
      guard method == .options else {
        throw HTTPProblem(.badRequest, "The target * is for OPTIONS only: send a path.")
      }
      path = target
    } else {
      path = try RequestTarget.absoluteFormPath(input, target.lowerBound..<pathEnd)
    }
  }

  /// The path of `http://authority/path`. A server must accept this form although clients send it
  /// only to proxies. Its authority overrides `Host` (RFC 9112 §3.2.2), which does not matter here:
  /// no path depends on the host.
  private static func absoluteFormPath(
    _ input: Span<UInt8>, _ target: Range<Int>
  ) throws(HTTPProblem) -> Range<Int> {
    let start = target.lowerBound
    // RFC 3986 §3.1: schemes are case-insensitive.
    let authorityStart: Int
    if target.count >= 7, input.matches(start..<start + 7, lowercase: "http://") {
      authorityStart = start + 7
    } else if target.count >= 8, input.matches(start..<start + 8, lowercase: "https://") {
      authorityStart = start + 8
    } else {
      throw HTTPProblem(
        .badRequest, "The request target must be a path that starts with /, or a whole http URL.")
    }
    var authorityEnd = authorityStart
    while authorityEnd < target.upperBound, input[authorityEnd] != .slash { authorityEnd += 1 }
    // RFC 9110 §4.2.1: an http URL without a host is invalid; §4.2.4: so is one with user
    // information.
    guard authorityEnd > authorityStart,
      input.isAuthority(authorityStart..<authorityEnd, allowsEmptyHost: false)
    else {
      throw HTTPProblem(
        .badRequest, "The URL in the request line must name a host and, if need be, a port.")
    }
    // RFC 9110 §4.2.3: an empty path means `/`. The last character of `://` serves as that path.
    return authorityEnd == target.upperBound
      ? authorityStart - 1..<authorityStart : authorityEnd..<target.upperBound
  }
}

extension Span<UInt8> {
  /// Whether `range` is `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2 and §3.2.3).
  func isAuthority(_ range: Range<Int>, allowsEmptyHost: Bool) -> Bool {
    var index = range.lowerBound
    if index < range.upperBound, self[index] == UInt8(ascii: "[") {
      guard let end = addressLiteralEnd(range) else { return false }
      index = end
    } else {
      while index < range.upperBound, self[index] != .colon {
        guard let length = registeredNameCharacter(at: index, before: range.upperBound) else {
          return false
        }
        index += length
      }
      if index == range.lowerBound, !allowsEmptyHost { return false }
    }
    if index == range.upperBound { return true }
    guard self[index] == .colon else { return false }
    return isPort(index + 1..<range.upperBound)
  }

  /// The length of the character of a `reg-name` at `index`: 1, or 3 when percent-encoded.
  private func registeredNameCharacter(at index: Int, before end: Int) -> Int? {
    if OctetSet.registeredName.contains(self[index]) { return 1 }
    guard self[index] == .percent, index + 2 < end, self[index + 1].hexadecimalDigit != nil,
      self[index + 2].hexadecimalDigit != nil
    else { return nil }
    return 3
  }

  /// The index after the `]` of an address in brackets. Only its characters are checked.
  private func addressLiteralEnd(_ range: Range<Int>) -> Int? {
    var index = range.lowerBound + 1
    while index < range.upperBound, OctetSet.addressLiteral.contains(self[index]) { index += 1 }
    guard index > range.lowerBound + 1, index < range.upperBound,
      self[index] == UInt8(ascii: "]")
    else { return nil }
    return index + 1
  }

  /// A port may be empty and may start with zeros, but must not be above 65,535.
  private func isPort(_ range: Range<Int>) -> Bool {
    var value = 0
    for index in range {
      guard let digit = self[index].decimalDigit else { return false }
      value = value * 10 + digit
      guard value <= 65_535 else { return false }
    }
    return true
  }
}
