import Basics
import TestSupport
import Testing

@Suite("Numbers and URLs as bytes")
struct BytesTests {
  private func text(_ write: (inout [UInt8]) -> Void) -> String {
    var bytes: [UInt8] = []
    write(&bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(
    "A number is written in decimal as Swift describes it",
    arguments: [0, 1, 9, 10, 99, 100, 12_345, -1, -10, -987, .max, .min] as [Int64])
  func decimal(_ value: Int64) {
    #expect(text { $0.append(decimal: value) } == String(value))
  }

  @Test("A number with a fixed count of digits is padded with zeros, or loses its first digits")
  func digits() {
    #expect(text { $0.append(decimal: 0, digits: 1) } == "0")
    #expect(text { $0.append(decimal: 7, digits: 2) } == "07")
    #expect(text { $0.append(decimal: 42, digits: 6) } == "000042")
    #expect(text { $0.append(decimal: 1_234, digits: 4) } == "1234")
    #expect(text { $0.append(decimal: 12_345, digits: 4) } == "2345")
    #expect(text { $0.append(hexadecimal: 0, digits: 4) } == "0000")
    #expect(text { $0.append(hexadecimal: 0xAB_CDEF, digits: 8) } == "00abcdef")
    #expect(text { $0.append(hexadecimal: .max, digits: 16) } == "ffffffffffffffff")
    #expect(text { $0.append(hexadecimal: 0x1234, digits: 3) } == "234")
  }

  @Test("Every byte but a digit has no value as a digit")
  func digitValues() {
    for byte in UInt8.min...UInt8.max {
      let character = Character(Unicode.Scalar(byte))
      let isASCII = byte < 0x80
      #expect(byte.decimalDigit == (isASCII ? character.wholeNumberValue : nil))
      #expect(byte.hexadecimalDigit == (isASCII ? character.hexDigitValue : nil))
    }
  }

  @Test("A hexadecimal digit comes back in either case")
  func hexadecimalDigits() {
    for value in 0..<16 {
      let lower = UInt8(hexadecimalDigit: value)
      let upper = UInt8(hexadecimalDigit: value, uppercase: true)
      #expect(lower.hexadecimalDigit == value && upper.hexadecimalDigit == value)
      #expect(String(Unicode.Scalar(lower)) == String(value, radix: 16))
      #expect(String(Unicode.Scalar(upper)) == String(value, radix: 16, uppercase: true))
    }
  }
}

@Suite("Percent-encoding")
struct PercentEncodingTests {
  private func decoded(_ text: String) -> [UInt8]? {
    [UInt8](percentDecoding: Array(text.utf8)[...])
  }

  private func encoded(_ bytes: some Sequence<UInt8>, keeping kept: StaticString = "") -> String {
    var output: [UInt8] = []
    output.append(percentEncoding: bytes, keeping: kept)
    return String(decoding: output, as: UTF8.self)
  }

  @Test("Escapes are decoded once, and a plus is a plus")
  func decoding() {
    #expect(decoded("") == [])
    #expect(decoded("a+b") == Array("a+b".utf8))
    #expect(decoded("%2F%2f/") == Array("///".utf8))
    #expect(decoded("a%20b%") == nil)
    #expect(decoded("%2525") == Array("%25".utf8))
    #expect(decoded("x%00%FF%e9y") == [0x78, 0, 0xFF, 0xE9, 0x79])
    // A slice does not start at 0.
    #expect([UInt8](percentDecoding: Array("%%41x%".utf8)[1..<5]) == Array("Ax".utf8))
  }

  @Test(
    "A bad escape is an error", arguments: ["%", "%2", "a%", "%g0", "%0g", "%%41", "%-1", "%+1"])
  func badEscape(_ text: String) {
    #expect(decoded(text) == nil)
  }

  @Test("Every byte comes back from its escape in either case")
  func allBytes() {
    for byte in UInt8.min...UInt8.max {
      let digits = (byte < 16 ? "0" : "") + String(byte, radix: 16)
      #expect(decoded("%" + digits) == [byte])
      #expect(decoded("%" + digits.uppercased()) == [byte])
    }
  }

  @Test("Unreserved characters and the ones to keep are written as they are, all others escaped")
  func encoding() {
    let unreserved = "AZaz09-._~"
    #expect(encoded(unreserved.utf8) == unreserved)
    #expect(encoded("a b/c%é".utf8) == "a%20b%2Fc%25%C3%A9")
    #expect(encoded("a b/c:d".utf8, keeping: "/:") == "a%20b/c:d")
    #expect(encoded([0, 0x7F, 0xFF]) == "%00%7F%FF")
  }

  @Test("Any bytes come back")
  func roundTrip() {
    let seed = UInt64.random(in: 0...(.max))
    var random = SeededGenerator(seed: seed)
    for _ in 0..<1_000 {
      let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      #expect(decoded(encoded(bytes)) == bytes, "seed \(seed)")
      #expect(decoded(encoded(bytes, keeping: "/?&=")) == bytes, "seed \(seed)")
    }
  }
}
