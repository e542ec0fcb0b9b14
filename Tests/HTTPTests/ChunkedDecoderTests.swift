import TestSupport
import Testing

@testable import HTTP

@Suite("Chunked bodies")
struct ChunkedDecoderTests {
  struct Case: CustomTestStringConvertible {
    var why: String
    var input: [UInt8]
    var status: Status

    init(_ why: String, _ input: String, _ status: Status = .badRequest) {
      self.why = why
      self.input = [UInt8](input)
      self.status = status
    }

    var testDescription: String { why }
  }

  /// Limits small enough to cut at every byte.
  static var small: HTTPLimits {
    var limits = HTTPLimits()
    limits.chunkExtensionBytesMax = 10
    limits.trailerBytesMax = 20
    limits.trailerFieldsMax = 2
    return limits
  }

  /// The result of `input`, which must be the same for all ways to cut it.
  private func result(_ input: [UInt8], bodyBytesMax: Int = 16) -> BodyResult {
    func decode(_ cuts: [Int]) -> BodyResult {
      BodyResult.decoding(input, cuts: cuts, bodyBytesMax: bodyBytesMax, limits: Self.small)
    }
    let whole = decode([])
    for cuts in Feeding.cuts(of: input.count) { #expect(decode(cuts) == whole, "cuts \(cuts)") }
    return whole
  }

  private func result(_ input: String, bodyBytesMax: Int = 16) -> BodyResult {
    result([UInt8](input), bodyBytesMax: bodyBytesMax)
  }

  private func status(_ result: BodyResult) -> Status? {
    if case .refused(let problem) = result { problem.status } else { nil }
  }

  static let accepted = [
    ("0\r\n\r\n", ""),
    ("000\r\n\r\n", ""),
    ("5\r\nhello\r\n0\r\n\r\n", "hello"),
    ("1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "hello"),
    ("00000000000000aA\r\n0123456789\r\n0\r\n\r\n", nil),
    ("a\r\n\r\n0\r\n\r\n\r\n\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n\r\n\n"),
    ("5;a=b\r\nhello\r\n0;\t \"\r\n\r\n", "hello"),
    ("0\r\nA:\r\nB: x\ty\u{e9} \r\n\r\n", ""),
  ]

  @Test("is decoded, however it is cut", arguments: accepted)
  func decoded(input: String, body: String?) {
    guard let body else {
      // 16 digits, but more than the limit.
      #expect(status(result(input)) == .contentTooLarge)
      return
    }
    let length = input.utf8.count
    #expect(result(input) == .end([UInt8](body), length: length))
    #expect(result(input + "GET /") == .end([UInt8](body), length: length))
    for end in 0..<length {
      guard case .incomplete(let part) = result(Array([UInt8](input)[..<end])) else {
        Issue.record("the first \(end) bytes are no beginning")
        return
      }
      #expect(part.elementsEqual([UInt8](body).prefix(part.count)))
    }
  }

  static let refused = [
    Case("no size", "\r\n\r\n"),
    Case("an extension without a size", ";a\r\n\r\n"),
    Case("a space before the size", " 5\r\nhello"),
    Case("a space after the size", "5 \r\nhello"),
    Case("a plus", "+5\r\nhello"),
    Case("a minus", "-1\r\n"),
    Case("0x", "0x5\r\nhello"),
    Case("a letter that is no digit", "g\r\n"),
    Case("a comma", "5,5\r\nhello"),
    Case("17 digits", "00000000000000005\r\nhello"),
    Case("a size that overflows", "ffffffffffffffff\r\n", .contentTooLarge),
    Case("a size of 2^63", "8000000000000000\r\n", .contentTooLarge),
    Case("LF after a size", "5\nhello\r\n0\r\n\r\n"),
    Case("CR alone after a size", "5\rhello"),
    Case("LF after an extension", "5;a\nhello"),
    Case("CR alone after an extension", "5;a\rb"),
    Case("a control character in an extension", "5;a\0\r\nhello"),
    Case("data that are too long", "5\r\nhello!\r\n"),
    Case("data that are too short", "5\r\nhell\r\n0\r\n\r\n"),
    Case("LF after data", "5\r\nhello\n0\r\n\r\n"),
    Case("CR alone after data", "5\r\nhello\r0\r\n\r\n"),
    Case("LF as the last line", "0\r\n\n"),
    Case("CR alone as the last line", "0\r\n\rG"),
    Case("a trailer without a colon", "0\r\nX\r\n\r\n"),
    Case("a trailer without a name", "0\r\n: a\r\n\r\n"),
    Case("a trailer with a space before its colon", "0\r\nX : a\r\n\r\n"),
    Case("a folded trailer", "0\r\nX: a\r\n b\r\n\r\n"),
    Case("a trailer whose line ends with LF", "0\r\nX: a\n\r\n"),
    Case("a trailer whose line ends with CR alone", "0\r\nX: a\rb"),
    Case("NUL in a trailer", "0\r\nX: \0\r\n\r\n"),
    Case("no empty line after the last chunk", "0\r\nGET / HTTP/1.1\r\n"),
    Case("too many trailer fields", "0\r\nA:\r\nB:\r\nC:\r\n\r\n", .headerFieldsTooLarge),
  ]

  @Test("is refused, however it is cut", arguments: refused)
  func isRefused(_ test: Case) {
    #expect(status(result(test.input)) == test.status)
  }

  @Test("A body at its limit is accepted, one byte more is 413 at the size that says so")
  func bodyLimit() {
    #expect(
      result("5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n", bodyBytesMax: 8)
        == .end([UInt8]("helloabc"), length: 23))
    #expect(status(result("5\r\nhello\r\n4", bodyBytesMax: 8)) == .contentTooLarge)
    #expect(result("0\r\n\r\n", bodyBytesMax: 0) == .end([], length: 5))
    #expect(status(result("1", bodyBytesMax: 0)) == .contentTooLarge)
    #expect(result("7fffffffffffffff\r\n", bodyBytesMax: .max) == .incomplete([]))
    #expect(status(result("1\r\na\r\n7fffffffffffffff", bodyBytesMax: .max)) == .contentTooLarge)
    #expect(status(result("8000000000000000", bodyBytesMax: .max)) == .contentTooLarge)
  }

  @Test("The extensions of all chunks together have a limit, and one byte more is 400")
  func extensionLimit() {
    #expect(result("1;2345\r\na\r\n0;7890\r\n\r\n") == .end([97], length: 21))
    #expect(status(result("1;2345\r\na\r\n0;78901")) == .badRequest)
  }

  @Test("A trailer section at its limit is accepted, one byte more is 431")
  func trailerLimit() {
    let longest = "0\r\nA: 4567\r\nB: 4567890"
    #expect(result(longest.dropLast() + "\r\n\r\n") == .end([], length: 25))
    #expect(status(result(longest + "\r\n\r\n")) == .headerFieldsTooLarge)
  }

  @Test("Random bodies in random chunks come back, however they are cut")
  func random() {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      var input: [UInt8] = []
      var body: [UInt8] = []
      for _ in 0..<Int.random(in: 0...5, using: &random) {
        let data = (0..<Int.random(in: 1...40, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
        input += [UInt8](String(data.count, radix: 16, uppercase: Bool.random(using: &random)))
        input += [UInt8]("\r\n") + data + [UInt8]("\r\n")
        body += data
      }
      input += [UInt8]("0\r\n\r\n")
      let cuts = (0..<4).map { _ in Int.random(in: 0...input.count, using: &random) }.sorted()
      for cuts in [[], cuts, Array(0...input.count)] {
        #expect(
          BodyResult.decoding(input, cuts: cuts) == .end(body, length: input.count),
          "seed \(seed)")
      }
    }
  }
}
