import HTTP

/// Which web pages of other origins may use the API (CORS: Fetch Standard §3.2).
///
/// A browser lets a page read an answer of another origin only if the answer names the page's
/// origin, and asks first (a *preflight*) before most requests. There are no cookies here: a page
/// sends a token that it knows, so credentials are not allowed.
struct CrossOrigin: Sendable {
  private enum Origins {
    case all
    case listed(Set<[UInt8]>)
  }

  private let origins: Origins

  /// The text of `KV_CORS_ORIGINS`: origins with commas between them, or `*`.
  init(parsing text: String) throws(Invalid) {
    var listed: Set<[UInt8]> = []
    var isAll = false
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      var trimmed = part.drop { $0 == " " }
      while trimmed.last == " " { trimmed.removeLast() }
      let origin = String(trimmed)
      if origin == "*" {
        isAll = true
      } else {
        try Self.check(origin)
        listed.insert(Array(origin.utf8))
      }
    }
    guard !isAll || listed.isEmpty else {
      throw Invalid(advice: "* stands for every origin: leave out the others, or the *")
    }
    origins = isAll ? .all : .listed(listed)
  }

  /// Why a list is refused: what to write instead.
  struct Invalid: Error {
    let advice: String
  }

  /// Whether it lets every page in.
  var isForAll: Bool { if case .all = origins { true } else { false } }

  /// Whether the head is one of a page that is let in.
  func allows(_ head: RequestHead) -> Bool {
    guard let origin = head.first(.origin) else { return false }
    return allows(origin)
  }

  private func allows(_ origin: ArraySlice<UInt8>) -> Bool {
    switch origins {
    case .all: true
    case .listed(let listed): listed.contains(Array(origin))
    }
  }

  // MARK: Answers

  /// Lets the page that sent `head` read the answer, and, if it is a preflight, send its request.
  func share(_ response: inout Response, of route: Route, with head: RequestHead) {
    guard let origin = head.first(.origin) else { return }
    let isAllowed = share(&response, with: origin)
    if isAllowed, Self.isPreflight(head) {
      response.fields.append("Access-Control-Allow-Methods", route.allow)
      response.fields.append("Access-Control-Allow-Headers", Self.requestFields)
      // Browsers ask again after two hours at the latest.
      response.fields.append("Access-Control-Max-Age", "7200")
    }
  }

  /// Lets a page of `origin` read the answer if it may; otherwise its browser keeps it from it.
  @discardableResult
  func share(_ response: inout Response, with origin: ArraySlice<UInt8>) -> Bool {
    if isForAll {
      response.fields.append("Access-Control-Allow-Origin", "*")
    } else {
      // The answer to another origin is another one.
      response.fields.append("Vary", "Origin")
      guard allows(origin) else { return false }
      response.fields.append("Access-Control-Allow-Origin") { $0.append(contentsOf: origin) }
    }
    response.fields.append("Access-Control-Expose-Headers", Self.answerFields)
    return true
  }

  /// Whether a browser asks if a page may send a request (Fetch Standard §3.2.2).
  static func isPreflight(_ head: RequestHead) -> Bool {
    head.method == .options && head.first(.accessControlRequestMethod) != nil
      && head.first(.origin) != nil
  }

  /// What a page may send beside the fields that need no permission. A test compares it with
  /// openapi.json.
  static let requestFields: StaticString = """
    Authorization, Cache-Control, Content-Type, Idempotency-Key, If-Match, If-None-Match, \
    If-Unmodified-Since, Last-Event-ID, Prefer, traceparent, tracestate, X-Request-Id
    """

  /// What a page may read of an answer, beside what every page may read: Cache-Control,
  /// Content-Length, Content-Type, Expires, Last-Modified.
  static let answerFields: StaticString = """
    Accept-Encoding, Accept-Patch, Allow, Cache-Status, Date, ETag, Idempotency-Replayed, Link, \
    Location, Preference-Applied, Retry-After, WWW-Authenticate, X-Request-Id
    """

  // MARK: Origins

  /// Refuses what no browser sends as `Origin`: it would never match (RFC 6454 §6.2).
  private static func check(_ origin: String) throws(Invalid) {
    func refuse(_ advice: String) -> Invalid {
      Invalid(
        advice: "\(origin.debugDescription) is no origin, as https://app.example.com or "
          + "http://localhost:3000: \(advice)")
    }
    if origin == "null" { throw refuse("every sandboxed page has the origin null") }
    guard let end = origin.firstRange(of: "://") else { throw refuse("begin it with https://") }
    let scheme = origin[..<end.lowerBound]
    let authority = origin[end.upperBound...]
    guard let first = scheme.first, first.isLetter, scheme.utf8.allSatisfy(isOfScheme) else {
      throw refuse("begin it with https://")
    }
    if authority.contains(where: { "/?#".contains($0) }) {
      throw refuse("leave out what follows the host and the port, also a / at the end")
    }
    if authority.contains("@") || authority.contains("*") {
      throw refuse("name one host; it has no user and no *")
    }
    if origin.contains(where: \.isUppercase) { throw refuse("browsers send it in lower case") }
    guard !authority.isEmpty, authority.utf8.allSatisfy(isOfAuthority) else {
      throw refuse("a host is letters, digits, hyphens and dots, or an address")
    }
    try checkPort(of: authority, scheme: scheme, refuse: refuse)
  }

  private static func checkPort(
    of authority: Substring, scheme: Substring, refuse: (String) -> Invalid
  ) throws(Invalid) {
    // An IPv6 address has colons of its own, in brackets.
    let host = authority.hasPrefix("[") ? authority.firstIndex(of: "]") : authority.startIndex
    guard let host, let colon = authority[host...].firstIndex(of: ":") else { return }
    let port = authority[authority.index(after: colon)...]
    guard let number = UInt16(port), number > 0, String(number) == port else {
      throw refuse("a port is a number from 1 to 65535")
    }
    if (scheme == "https" && number == 443) || (scheme == "http" && number == 80) {
      throw refuse("leave out the port, as browsers do where it is the usual one")
    }
  }

  /// RFC 3986 §3.1: browsers' extensions and desktop programs have schemes of their own.
  private static func isOfScheme(_ byte: UInt8) -> Bool {
    isOfHost(byte) || byte == UInt8(ascii: "+")
  }

  private static func isOfAuthority(_ byte: UInt8) -> Bool {
    isOfHost(byte) || [":", "[", "]", "_"].contains(Unicode.Scalar(byte))
  }

  private static func isOfHost(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
