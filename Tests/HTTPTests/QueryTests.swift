import Testing

@testable import HTTP

@Suite("Queries")
struct QueryTests {
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

  @Test("A parameter that is no pair is an error that names it", arguments: ["", "a", "=", "=1"])
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
