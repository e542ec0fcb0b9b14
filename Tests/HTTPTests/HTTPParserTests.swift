import Testing

@testable import HTTP

@Suite("Request heads that are accepted")
struct HTTPParserTests {
  struct Case: CustomTestStringConvertible {
    var why: String
    var input: String
    var expected: Expected

    init(_ why: String, _ input: String, _ expected: Expected) {
      self.why = why
      self.input = input
      self.expected = expected
    }

    var testDescription: String { why }
  }

  /// The parts of a head; the defaults are those of the simplest head.
  struct Expected {
    var method = "GET"
    var path = "/"
    var query: String?
    var minorVersion: UInt8 = 1
    var framing = RequestHead.Framing.none
    var keepsAlive = true
    var expectsContinue = false
    var fields = ["Host=a"]
  }

  static let targets = [
    Case("the simplest request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Expected()),
    Case(
      "a path and a query", "GET /kv/a%2Fb//../c?x=1&y=?/z HTTP/1.1\r\nHost: a\r\n\r\n",
      Expected(path: "/kv/a%2Fb//../c", query: "x=1&y=?/z")),
    Case("an empty query", "GET /? HTTP/1.1\r\nHost: a\r\n\r\n", Expected(query: "")),
    Case(
      "characters that browsers do not escape",
      "GET /[a]^`{|}~'()*;@:&=+$,! HTTP/1.1\r\nHost: a\r\n\r\n",
      Expected(path: "/[a]^`{|}~'()*;@:&=+$,!")),
    Case("two slashes first", "GET //a/b HTTP/1.1\r\nHost: a\r\n\r\n", Expected(path: "//a/b")),
    Case(
      "a whole URL", "GET http://b:80/kv?x HTTP/1.1\r\nHost: a\r\n\r\n",
      Expected(path: "/kv", query: "x")),
    Case("a URL without a path", "GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n", Expected()),
    Case(
      "a URL with a query only", "GET https://[::1]:80?x=/ HTTP/1.1\r\nHost: a\r\n\r\n",
      Expected(query: "x=/")),
    Case(
      "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Expected(method: "OPTIONS", path: "*")),
    Case(
      "an unknown method", "B-r!w / HTTP/1.1\r\nHost: a\r\n\r\n",
      Expected(method: "B-r!w")),
    Case(
      "a method in lower case is another one", "get / HTTP/1.1\r\nHost: a\r\n\r\n",
      Expected(method: "get")),
    Case(
      "an empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Expected()),
    Case(
      "a later minor version", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", Expected()),
  ]

  static let fields = [
    Case(
      "values are trimmed, and may be empty or hold tabs and other bytes",
      "GET / HTTP/1.1\r\nHost:\t a \t\r\nX:\r\nY: \t \r\nZ:a\tb  c: \u{e9}\r\n\r\n",
      Expected(fields: ["Host=a", "X=", "Y=", "Z=a\tb  c: \u{e9}"])),
    Case(
      "names in any case", "GET / HTTP/1.1\r\nhOsT: a\r\nCONTENT-LENGTH: 3\r\n\r\n",
      Expected(framing: .length(3), fields: ["hOsT=a", "CONTENT-LENGTH=3"])),
    Case("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", Expected(fields: ["Host="])),
    Case(
      "an IPv6 Host", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:65535\r\n\r\n",
      Expected(fields: ["Host=[2001:db8::1]:65535"])),
    Case(
      "a Host with escapes and an empty port", "GET / HTTP/1.1\r\nHost: a_b%20~.x:\r\n\r\n",
      Expected(fields: ["Host=a_b%20~.x:"])),
    Case(
      "HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n",
      Expected(minorVersion: 0, keepsAlive: false, fields: [])),
    Case(
      "a length of zero is no body", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n",
      Expected(method: "PUT", fields: ["Host=a", "Content-Length=000"])),
    Case(
      "the greatest length",
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n",
      Expected(
        method: "PUT", framing: .length(.max),
        fields: ["Host=a", "Content-Length=9223372036854775807"])),
    Case(
      "chunked in any case", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: cHunKed\r\n\r\n",
      Expected(method: "POST", framing: .chunked, fields: ["Host=a", "Transfer-Encoding=cHunKed"])),
    Case(
      "a client that waits for a 100",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n",
      Expected(
        method: "POST", framing: .length(5), expectsContinue: true,
        fields: ["Host=a", "Content-Length=5", "Expect=100-Continue"])),
    Case(
      "a 100 that nothing could follow",
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
      Expected(method: "POST", fields: ["Host=a", "Expect=100-continue"])),
    Case(
      "HTTP/1.0 has no 100",
      "POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
      Expected(
        method: "POST", minorVersion: 0, framing: .length(5), keepsAlive: false,
        fields: ["Content-Length=5", "Expect=100-continue"])),
  ]

  static let connections = [
    Case(
      "close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      Expected(keepsAlive: false, fields: ["Host=a", "Connection=close"])),
    Case(
      "close in a list over two lines",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: ,keep-alive ,\r\nConnection: x,\tCLOSE\r\n\r\n",
      Expected(
        keepsAlive: false, fields: ["Host=a", "Connection=,keep-alive ,", "Connection=x,\tCLOSE"])),
    Case(
      "something like close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed, xclose\r\n\r\n",
      Expected(fields: ["Host=a", "Connection=closed, xclose"])),
    Case(
      "keep-alive in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n",
      Expected(minorVersion: 0, fields: ["Connection=x, Keep-Alive"])),
    Case(
      "close and keep-alive in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n",
      Expected(minorVersion: 0, keepsAlive: false, fields: ["Connection=close, keep-alive"])),
  ]

  @Test("is read, however it is cut", arguments: targets + fields + connections)
  func accepted(_ test: Case) throws {
    let input = [UInt8](test.input)
    for cuts in Feeding.cuts(of: input.count) {
      let result = HeadResult.parsing(input, cuts: cuts)
      guard case .heads(let heads, let rest) = result, let head = heads.first else {
        Issue.record("\(result) for cuts \(cuts)")
        return
      }
      #expect(heads.count == 1 && rest == 0 && head.length == input.count)
      #expect(head.method == test.expected.method)
      #expect(head.path == test.expected.path)
      #expect(head.query == test.expected.query)
      #expect(head.minorVersion == test.expected.minorVersion)
      #expect(head.framing == test.expected.framing)
      #expect(head.keepsAlive == test.expected.keepsAlive)
      #expect(head.expectsContinue == test.expected.expectsContinue)
      #expect(head.fields == test.expected.fields)
    }
  }

  @Test("Pipelined requests are read one by one, however they are cut")
  func pipelined() {
    let input = [UInt8](
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nHEAD /2?q HTTP/1.0\r\n\r\n"
        + "PUT /3 HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\nGET /4 HT")
    let whole = HeadResult.parsing(input)
    guard case .heads(let heads, let rest) = whole else {
      Issue.record("\(whole)")
      return
    }
    #expect(heads.map(\.path) == ["/1", "/2", "/3"])
    #expect(heads.map(\.length) == [28, 24, 47])
    #expect(heads.map(\.keepsAlive) == [true, false, false])
    #expect(rest == 9)
    for cuts in Feeding.cuts(of: input.count) {
      #expect(HeadResult.parsing(input, cuts: cuts) == whole)
    }
  }

  @Test("Every field name that is recognized is so in any case, and nothing near it is")
  func fieldNames() throws {
    for name in FieldName.allCases where name != .other {
      let spelling = "\(name.lowercased)"
      for variant in [spelling, spelling.uppercased()] {
        #expect(try recognized(variant) == name)
      }
      #expect(try recognized(spelling + "x") == .other)
      #expect(try recognized(String(spelling.dropLast())) == .other)
      #expect(try recognized(String(spelling.dropLast()) + "_") == .other)
    }
  }

  private func recognized(_ name: String) throws -> FieldName {
    let bytes = [UInt8]("\(name): 1")
    return try FieldLine(bytes.span, 0..<bytes.count).name
  }

  @Test("Fields are found by name: the first, or all in order")
  func lookup() throws {
    var parser = HTTPParser()
    let input = [UInt8](
      "GET / HTTP/1.1\r\nHost: a\r\nPrefer: x\r\nOther: y\r\nPREFER: z\r\n\r\n")
    guard case .head(let head, _) = try parser.parse(input.span) else {
      Issue.record("incomplete")
      return
    }
    #expect(head.first(.prefer).map(Array.init) == [UInt8]("x"))
    #expect(head.all(.prefer).map(Array.init) == [[UInt8]("x"), [UInt8]("z")])
    #expect(head.first(.ifMatch) == nil)
    #expect(head.all(.ifMatch).isEmpty)
  }
}
