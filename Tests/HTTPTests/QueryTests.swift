import Basics
import Testing

@testable import HTTP

@Suite("Percent-encoding and queries")
struct QueryTests {
  private func decoded(_ text: String) -> [UInt8]? { [UInt8](percentDecoding: [UInt8](text)[...]) }

  @Test("Escapes are decoded once, and a plus is a plus")
  func decoding() {
    #expect(decoded("") == [])
    #expect(decoded("a+b") == [UInt8]("a+b"))
    #expect(decoded("%2F%2f/") == [UInt8]("///"))
    #expect(decoded("a%20b%") == nil)
    #expect(decoded("%2525") == [UInt8]("%25"))
    #expect(decoded("x%00%FF%e9y") == [0x78, 0, 0xFF, 0xE9, 0x79])
    // A slice does not start at 0.
    #expect([UInt8](percentDecoding: [UInt8]("%%41x%")[1..<5]) == [UInt8]("Ax"))
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

  private func pairs(_ query: String) throws(QueryParameters.Problem) -> [String] {
    try QueryParameters([UInt8](query)[...]).parameters.map { "\($0.name)>\($0.text ?? "?")" }
  }

  @Test("A query is split into pairs, in order")
  func splitting() throws {
    #expect(try pairs("") == [])
    #expect(try QueryParameters(nil).parameters == [])
    #expect(try pairs("a=1") == ["a>1"])
    #expect(try pairs("b=2&a=1&b=3") == ["b>2", "a>1", "b>3"])
    #expect(try pairs("a=") == ["a>"])
    #expect(try pairs("a==b=") == ["a>=b="])
    #expect(try pairs("a=1+1%202%26%3d;c/d?e") == ["a>1+1 2&=;c/d?e"])
    #expect(try pairs("%61%3D=%2525") == ["a=>%25"])
  }

  @Test("Bytes that are not UTF-8 are kept in a value, and make a name unknown")
  func badUTF8() throws {
    let parameter = try #require(try QueryParameters([UInt8]("%FF=%FF")[...]).parameters.first)
    #expect(parameter.name == "\u{FFFD}")
    #expect(parameter.value == [0xFF])
    #expect(parameter.text == nil)
  }

  @Test("What is not a pair is an error that names it", arguments: ["", "a", "=", "=1"])
  func notAPair(_ text: String) {
    #expect(throws: QueryParameters.Problem.notAPair(parameter: text)) { try pairs("b=1&\(text)") }
    #expect(throws: QueryParameters.Problem.notAPair(parameter: text)) {
      try pairs("b=1&\(text)&c=2")
    }
  }

  @Test("A bad escape in a query is an error that names it", arguments: ["a=%", "%g=1", "a=%2"])
  func badEscapeInQuery(_ text: String) {
    #expect(throws: QueryParameters.Problem.badEscape(parameter: text)) {
      try pairs("b=1&\(text)&c=2")
    }
  }
}
