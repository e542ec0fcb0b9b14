import Testing

@testable import HTTP

@Suite("The limits of a request head")
struct HTTPParserLimitTests {
  /// Limits small enough to cut at every byte.
  static var small: HTTPLimits {
    var limits = HTTPLimits()
    limits.requestLineBytesMax = 40
    limits.headerBytesMax = 60
    limits.fieldsMax = 3
    limits.methodBytesMax = 5
    return limits
  }

  /// The result of `input`, which must be the same for all ways to cut it.
  private func result(_ input: String, limits: HTTPLimits = small) -> HeadResult {
    let bytes = [UInt8](input)
    let whole = HeadResult.parsing(bytes, limits: limits)
    for cuts in Feeding.cuts(of: bytes.count) {
      #expect(HeadResult.parsing(bytes, cuts: cuts, limits: limits) == whole, "cuts \(cuts)")
    }
    return whole
  }

  private func isAccepted(_ result: HeadResult) -> Bool {
    if case .heads(let heads, let rest) = result { heads.count == 1 && rest == 0 } else { false }
  }

  private func status(_ result: HeadResult) -> Status? {
    if case .refused(let problem) = result { problem.status } else { nil }
  }

  private func request(path: Int) -> String {
    "GET /\(String(repeating: "a", count: path - 1)) HTTP/1.1\r\nHost: a\r\n\r\n"
  }

  @Test("A request line at its limit is accepted, one byte more is 414")
  func requestLine() {
    // "GET " and " HTTP/1.1" are 13 bytes.
    #expect(isAccepted(result(request(path: 27))))
    #expect(status(result(request(path: 28))) == .uriTooLong)
    #expect(isAccepted(result("\r\n" + request(path: 27))))
    #expect(status(result("\r\n" + request(path: 28))) == .uriTooLong)
  }

  @Test("A request line is refused at the first byte past its limit")
  func requestLineEarly() {
    let line = "GET /" + String(repeating: "a", count: 35)
    #expect(result(line) == .heads([], rest: 40))
    #expect(result(line + "\r") == .heads([], rest: 41))
    #expect(status(result(line + "a")) == .uriTooLong)
  }

  @Test("A header section at its limit is accepted, one byte more is 431")
  func headerSection() {
    func request(_ bytes: Int) -> String {
      // "Host: a\r\n" is 9 bytes, "X:" and its line end are 4.
      "GET / HTTP/1.1\r\nHost: a\r\nX:\(String(repeating: "a", count: bytes - 13))\r\n\r\n"
    }
    #expect(isAccepted(result(request(60))))
    #expect(status(result(request(61))) == .headerFieldsTooLarge)
    #expect(status(result(request(62))) == .headerFieldsTooLarge)
  }

  @Test("A header section is refused at the first byte that makes it too long")
  func headerSectionEarly() {
    let start = "GET / HTTP/1.1\r\nHost: a\r\n"
    let longest = start + "X:" + String(repeating: "a", count: 47)
    #expect(result(longest) == .heads([], rest: longest.utf8.count))
    #expect(status(result(longest + "a")) == .headerFieldsTooLarge)
    let full = longest + "\r\n"
    #expect(result(full) == .heads([], rest: full.utf8.count))
    #expect(status(result(full + "Y")) == .headerFieldsTooLarge)
  }

  @Test("As many fields as allowed are accepted, one more is 431 at its first byte")
  func fields() {
    let three = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n"
    #expect(isAccepted(result(three + "\r\n")))
    #expect(result(three) == .heads([], rest: three.utf8.count))
    #expect(status(result(three + "Y")) == .headerFieldsTooLarge)
  }

  @Test("A method at its limit is accepted, one byte more is 501")
  func method() {
    #expect(isAccepted(result("ABCDE / HTTP/1.1\r\nHost: a\r\n\r\n")))
    #expect(status(result("ABCDEF / HTTP/1.1\r\nHost: a\r\n\r\n")) == .notImplemented)
  }

  /// Only whole and byte by byte: to cut 24 KiB at each place would take minutes.
  @Test("The default limits hold", arguments: [0, 1])
  func defaults(excess: Int) {
    let line = "GET /\(String(repeating: "a", count: 8_192 - 14 + excess)) HTTP/1.1\r\n"
    let section = "Host: a\r\nX:\(String(repeating: "b", count: 16_384 - 13 + excess))\r\n"
    let hundred =
      "Host: a\r\n" + String(repeating: "X: y\r\n", count: 99) + (excess == 1 ? "X: y\r\n" : "")
    let cases: [(String, Status)] = [
      ("\(line)Host: a\r\n\r\n", .uriTooLong),
      ("GET / HTTP/1.1\r\n\(section)\r\n", .headerFieldsTooLarge),
      ("GET / HTTP/1.1\r\n\(hundred)\r\n", .headerFieldsTooLarge),
    ]
    for (input, expected) in cases {
      let bytes = [UInt8](input)
      for cuts in [[], Array(0...bytes.count)] {
        let result = HeadResult.parsing(bytes, cuts: cuts)
        if excess == 0 {
          #expect(isAccepted(result))
        } else {
          #expect(status(result) == expected)
        }
      }
    }
  }

  @Test("The positions of all fields are right at both default limits")
  func places() {
    let line = "GET /\(String(repeating: "a", count: 8_192 - 14)) HTTP/1.1\r\n"
    let value = String(repeating: "b", count: 16_384 - 13 - 5)
    let result = HeadResult.parsing([UInt8]("\(line)Host: a\r\nX:\(value)\r\nY:z\r\n\r\n"))
    guard case .heads(let heads, _) = result else {
      Issue.record("refused")
      return
    }
    #expect(heads.first?.fields == ["Host=a", "X=\(value)", "Y=z"])
  }

  @Test("Limits whose sum exceeds 16 bits are recognized")
  func positions() {
    var limits = HTTPLimits()
    limits.requestLineBytesMax = 32_000
    limits.headerBytesMax = 33_533
    #expect(limits.fitsFieldPositions)
    limits.headerBytesMax += 1
    #expect(!limits.fitsFieldPositions)
    limits.headerBytesMax = .max
    #expect(!limits.fitsFieldPositions)
    limits.headerBytesMax = -1
    #expect(!limits.fitsFieldPositions)
  }
}
