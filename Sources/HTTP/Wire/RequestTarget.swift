/// A request target (RFC 9112 §3.2): where the path and the query stand in the input.
struct RequestTarget {
  /// Where the path stands.
  let path: Range<Int>
  // Plain numbers: an optional range has a size that costs each copy of it a stall.
  private let queryStart: Int
  private let end: Int

  /// Where the query stands, behind its `?`; nil without one.
  var query: Range<Int>? { queryStart > 0 ? queryStart..<end : nil }

  /// Reads the target at `target` of `input`.
  init(
    _ input: Span<UInt8>, _ target: Range<Int>, method: Method
  ) throws(HTTPProblem) {
    // No question mark stands at 0, where the method starts.
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
      // RFC 9112 §3.2.3, RFC 9110 §9.3.6: the authority form is CONNECT's, and for proxies.
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

  /// The path of `http://authority/path`: a server must take it though only proxies are sent it,
  /// and its authority overrides `Host` (RFC 9112 §3.2.2), which nothing here depends on.
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
    // RFC 9110 §4.2.3: an empty path means `/`; the last one of `://` stands in for it.
    return authorityEnd == target.upperBound
      ? authorityStart - 1..<authorityStart : authorityEnd..<target.upperBound
  }
}
