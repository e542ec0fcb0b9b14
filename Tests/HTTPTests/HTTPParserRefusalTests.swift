import Testing

@testable import HTTP

@Suite("Request heads that are refused")
struct HTTPParserRefusalTests {
  struct Case: CustomTestStringConvertible {
    var why: String
    var input: [UInt8]
    var status: Status
    /// A word of the detail, by which this refusal differs from the others.
    var word: String

    init(_ why: String, _ input: String, _ status: Status, _ word: String) {
      self.why = why
      self.input = Array(input.utf8)
      self.status = status
      self.word = word
    }

    /// A request with these lines after its `Host`.
    init(_ why: String, lines: String, _ status: Status, _ word: String) {
      self.init(why, "PUT / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n", status, word)
    }

    /// A request with this target.
    init(_ why: String, target: String, _ status: Status, _ word: String) {
      self.init(why, "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n", status, word)
    }

    /// A request with this Host.
    init(_ why: String, host: String) {
      self.init(why, "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n", .badRequest, "Host field must be")
    }

    var testDescription: String { why }
  }

  static let requestLines = [
    Case("no method", " / HTTP/1.1\r\n\r\n", .badRequest, "method"),
    Case("a method that is no token", "G(T / HTTP/1.1\r\n\r\n", .badRequest, "method"),
    Case("a method alone", "GET\r\n\r\n", .badRequest, "method"),
    Case("a tab after the method", "GET\t/ HTTP/1.1\r\n\r\n", .badRequest, "method"),
    Case("HTTP/0.9", "GET /\r\n", .badRequest, "version"),
    Case("no target", "GET HTTP/1.1\r\n\r\n", .badRequest, "version"),
    Case("an empty target", "GET  HTTP/1.1\r\n\r\n", .badRequest, "must be a path"),
    Case("two spaces after the method", "GET  / HTTP/1.1\r\n\r\n", .badRequest, "percent-encode"),
    Case("two spaces before the version", "GET /  HTTP/1.1\r\n\r\n", .badRequest, "percent-encode"),
    Case("a space after the version", "GET / HTTP/1.1 \r\n\r\n", .badRequest, "HTTP/1.1 or"),
    Case("a version in lower case", "GET / http/1.1\r\n\r\n", .badRequest, "HTTP/1.1 or"),
    Case("a version of three parts", "GET / HTTP/1.1.1\r\n\r\n", .badRequest, "HTTP/1.1 or"),
    Case("a version with two digits", "GET / HTTP/1.10\r\n\r\n", .badRequest, "HTTP/1.1 or"),
    Case("a version without a dot", "GET / HTTP/111\r\n\r\n", .badRequest, "HTTP/1.1 or"),
    Case("another protocol", "GET / HTTQ/1.1\r\n\r\n", .badRequest, "HTTP/1.1 or"),
    Case("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .versionNotSupported, "speaks"),
    Case("HTTP/3", "GET / HTTP/3.0\r\n\r\n", .versionNotSupported, "speaks"),
    Case("HTTP/0", "GET / HTTP/0.9\r\n\r\n", .versionNotSupported, "speaks"),
    Case(
      "two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\n", .badRequest, "start with a request"),
    Case("LF first", "\nGET / HTTP/1.1\r\n", .badRequest, "Lines must end"),
    Case("LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", .badRequest, "Lines"),
    Case(
      "CR in the request line", "GET /\rx HTTP/1.1\r\n\r\n", .badRequest, "carriage return must"),
    Case("CR twice", "GET / HTTP/1.1\r\r\n\r\n", .badRequest, "carriage return must"),
    Case("NUL in the request line", "GET /\0 HTTP/1.1\r\n\r\n", .badRequest, "control"),
    Case("DEL in the request line", "GET /\u{7f} HTTP/1.1\r\n\r\n", .badRequest, "control"),
    Case("TLS", "\u{16}\u{3}\u{1}\u{2}", .badRequest, "TLS"),
  ]

  static let targets = [
    Case("a tab in the target", target: "/a\tb", .badRequest, "percent-encode"),
    Case("a fragment", target: "/a#b", .badRequest, "percent-encode"),
    Case("a quote in the target", target: "/a\"b", .badRequest, "percent-encode"),
    Case("a backslash in the target", target: "/a\\b", .badRequest, "percent-encode"),
    Case("angle brackets in the target", target: "/<a>", .badRequest, "percent-encode"),
    Case("raw UTF-8 in the target", target: "/\u{e9}", .badRequest, "percent-encode"),
    Case("a target without a slash", target: "kv/a", .badRequest, "must be a path"),
    Case("a query alone", target: "?a", .badRequest, "must be a path"),
    Case("* with GET", target: "*", .badRequest, "OPTIONS"),
    Case("* with more", target: "*/a", .badRequest, "must be a path"),
    Case("the authority form", target: "a:80", .badRequest, "must be a path"),
    Case("another scheme", target: "ftp://a/", .badRequest, "must be a path"),
    Case("a URL without a host", target: "http:///a", .badRequest, "name a host"),
    Case("a URL with a port only", target: "http://:80/a", .badRequest, "name a host"),
    Case("a URL with a user", target: "http://me@a/", .badRequest, "name a host"),
    Case("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", .notImplemented, "CONNECT"),
    Case("CONNECT to a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", .notImplemented, "CONNECT"),
  ]

  static let fieldLines = [
    Case(
      "white space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", .badRequest,
      "one line"),
    Case(
      "a tab before the first field", "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", .badRequest,
      "one line"),
    Case("a folded field", lines: "X: a\r\n b", .badRequest, "one line"),
    Case("a field folded by a tab", lines: "X: a\r\n\tb", .badRequest, "one line"),
    Case("a line of white space", lines: "X: a\r\n ", .badRequest, "one line"),
    Case("a space before the colon", lines: "X : a", .badRequest, "without white space"),
    Case("a tab before the colon", lines: "X\t: a", .badRequest, "without white space"),
    Case("an empty name", lines: ": a", .badRequest, "have a name"),
    Case("no colon", lines: "X", .badRequest, "token"),
    Case("a name that is no token", lines: "X(: a", .badRequest, "token"),
    Case("a name outside ASCII", lines: "\u{e9}: a", .badRequest, "token"),
    Case("LF after a field", lines: "X: a\nY: b", .badRequest, "Lines"),
    Case("CR in a value", lines: "X: a\rb", .badRequest, "carriage return must"),
    Case("NUL in a value", lines: "X: a\0b", .badRequest, "control"),
    Case("ESC in a value", lines: "X: \u{1b}[2J", .badRequest, "control"),
    Case("DEL in a value", lines: "X: \u{7f}", .badRequest, "control"),
    Case("NUL in a name", lines: "X\0: a", .badRequest, "control"),
    Case("LF for the last line", "GET / HTTP/1.1\r\nHost: a\r\n\n", .badRequest, "Lines"),
    Case(
      "CR for the last line", "GET / HTTP/1.1\r\nHost: a\r\n\rX", .badRequest, "carriage return"),
  ]

  static let hosts = [
    Case("no Host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", .badRequest, "have a Host"),
    Case("no Host beside a URL", "GET http://a/ HTTP/1.1\r\n\r\n", .badRequest, "have a Host"),
    Case("two Hosts", lines: "Host: a", .badRequest, "only one Host"),
    Case(
      "two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", .badRequest,
      "only one Host"),
    Case("a Host with a space", host: "a b"),
    Case("a list of Hosts", host: "a, b"),
    Case("a Host with a slash", host: "a/b"),
    Case("a Host with a user", host: "me@a"),
    Case("a Host outside ASCII", host: "\u{e9}"),
    Case("a Host with a bad escape", host: "a%2"),
    Case("a Host with a bad port", host: "a:8o"),
    Case("a Host with two ports", host: "a:80:80"),
    Case("a Host with too great a port", host: "a:65536"),
    Case("an address without a bracket", host: "[::1"),
    Case("an empty address", host: "[]"),
    Case("an address that is none", host: "[x]"),
    Case("an address with something after it", host: "[::1]a"),
  ]

  static let framings = [
    Case(
      "a length and chunked", lines: "Content-Length: 5\r\nTransfer-Encoding: chunked",
      .badRequest, "both"),
    Case(
      "chunked and a length", lines: "Transfer-Encoding: chunked\r\nContent-Length: 5",
      .badRequest, "both"),
    Case(
      "chunked and a length of zero", lines: "Transfer-Encoding: chunked\r\nContent-Length: 0",
      .badRequest, "both"),
    Case(
      "two lengths", lines: "Content-Length: 5\r\nContent-Length: 6", .badRequest, "only one"),
    Case(
      "the same length twice", lines: "Content-Length: 5\r\nContent-Length: 5", .badRequest,
      "only one"),
    Case("a list of lengths", lines: "Content-Length: 5, 5", .badRequest, "decimal"),
    Case("an empty length", lines: "Content-Length:", .badRequest, "decimal"),
    Case("a length with a plus", lines: "Content-Length: +5", .badRequest, "decimal"),
    Case("a length with a minus", lines: "Content-Length: -5", .badRequest, "decimal"),
    Case("a hexadecimal length", lines: "Content-Length: 0x5", .badRequest, "decimal"),
    Case("a length with a point", lines: "Content-Length: 5.0", .badRequest, "decimal"),
    Case("a length with a space", lines: "Content-Length: 5 5", .badRequest, "decimal"),
    Case("a length in Arabic digits", lines: "Content-Length: \u{665}", .badRequest, "decimal"),
    Case(
      "a length of 2^63", lines: "Content-Length: 9223372036854775808", .badRequest, "decimal"),
    Case(
      "a length of 2^64 + 5", lines: "Content-Length: 18446744073709551621", .badRequest,
      "decimal"),
    Case(
      "a length of thirty digits", lines: "Content-Length: 100000000000000000000000000005",
      .badRequest, "decimal"),
    Case("an unknown coding", lines: "Transfer-Encoding: gzip", .notImplemented, "coding"),
    Case("identity", lines: "Transfer-Encoding: identity", .notImplemented, "coding"),
    Case("something like chunked", lines: "Transfer-Encoding: xchunked", .notImplemented, "coding"),
    Case(
      "chunked with a parameter", lines: "Transfer-Encoding: chunked;q=1", .notImplemented, "coding"
    ),
    Case(
      "an unknown coding before chunked", lines: "Transfer-Encoding: gzip, chunked",
      .notImplemented, "coding"),
    Case(
      "an unknown coding in a line before chunked",
      lines: "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", .notImplemented, "coding"),
    Case("chunked first", lines: "Transfer-Encoding: chunked, gzip", .badRequest, "once and last"),
    Case(
      "chunked first, in two lines",
      lines: "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", .badRequest, "once and last"),
    Case("chunked twice", lines: "Transfer-Encoding: chunked, chunked", .badRequest, "once"),
    Case(
      "chunked twice, around another", lines: "Transfer-Encoding: chunked, gzip, chunked",
      .badRequest, "once"),
    Case(
      "chunked twice, in two lines",
      lines: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .badRequest, "once"),
    Case("an empty element", lines: "Transfer-Encoding: ,chunked", .badRequest, "once"),
    Case("no coding", lines: "Transfer-Encoding:", .badRequest, "once"),
    Case(
      "chunked in HTTP/1.0", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .badRequest,
      "HTTP/1.0"),
    Case("an unknown expectation", lines: "Expect: 200-ok", .expectationFailed, "100-continue"),
    Case(
      "an unknown expectation beside a known one", lines: "Expect: 100-continue, x",
      .expectationFailed, "100-continue"),
  ]

  @Test(
    "is refused, however it is cut",
    arguments: requestLines + targets + fieldLines + hosts + framings)
  func isRefused(_ test: Case) throws {
    for cuts in Feeding.cuts(of: test.input.count) {
      let result = HeadResult.parsing(test.input, cuts: cuts)
      guard case .refused(let problem) = result else {
        Issue.record("\(result) for cuts \(cuts)")
        return
      }
      #expect(problem.status == test.status, "\(problem.detail), cuts \(cuts)")
      #expect(problem.detail.contains(test.word), "\(problem.detail), cuts \(cuts)")
    }
  }

  @Test("Bytes of no encoding in a target are refused")
  func targetBytes() {
    let input = [UInt8]("GET /") + [0xFF] + [UInt8](" HTTP/1.1\r\nHost: a\r\n\r\n")
    guard case .refused(let problem) = HeadResult.parsing(input) else {
      Issue.record("accepted")
      return
    }
    #expect(problem.status == .badRequest)
  }
}
