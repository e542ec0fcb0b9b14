import Testing

@testable import KeyValueAPI

@Suite("A JSON text is taken apart strictly")
struct JSONDocumentTests {
  private func parse(_ text: String) throws(JSONError) -> JSONValue {
    try JSONDocument(parsing: Array(text.utf8)).root
  }

  private func failure(_ text: String) -> JSONError? { failure(Array(text.utf8)) }

  private func failure(_ bytes: [UInt8]) -> JSONError? {
    do throws(JSONError) {
      _ = try JSONDocument(parsing: bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test(
    "A number keeps its text to the last digit",
    arguments: [
      "0", "-0", "1", "-1", "10", "1.0", "1.50", "0.1", "-0.0", "1e5", "1E+5", "1e-5", "1.0e0",
      "12345678901234567890", "0.1000000000000000055511151231257827", "1E400",
      "-9223372036854775809",
    ])
  func numbersKeepTheirText(_ number: String) throws {
    let value = try parse(" [ \(number) ] ").elements[0]
    #expect(value.kind == .number)
    #expect(String(decoding: value.text, as: UTF8.self) == number)
  }

  @Test(
    "What only looks like a number is refused",
    arguments: [
      "-", "+1", "01", "-01", "00", "1.", ".5", "1.e5", "1e", "1e+", "1E-", "0x10", "1_000", "NaN",
      "Infinity", "-Infinity", "1 2", "١",
    ])
  func malformedNumbersAreRefused(_ number: String) {
    #expect(failure(number) != nil)
    #expect(failure("[\(number)]") != nil)
  }

  @Test("An integer is a whole number that fits, however it is written")
  func integers() throws {
    #expect(try parse("9223372036854775807").integer == .max)
    #expect(try parse("-9223372036854775808").integer == .min)
    #expect(try parse("60.0").integer == 60)
    #expect(try parse("6e1").integer == 60)
    // Exact, where a floating-point number would round.
    #expect(try parse("9007199254740993.0").integer == 9_007_199_254_740_993)
    #expect(try parse("9.223372036854775807E+18").integer == .max)
    #expect(try parse("-92233720368547758080e-1").integer == .min)
    #expect(try parse("9.223372036854775808e18").integer == nil)
    for text in ["0e9", "-0.0", "0.00e-9", "0e99999999999999999999"] {
      #expect(try parse(text).integer == 0)
    }
    for text in [
      "1e19", "1e-1", "1.50", "-0.1e0", "1e9223372036854775807", "1.5e-9223372036854775808",
      "1e-99999999999999999999",
    ] {
      #expect(try parse(text).integer == nil)
    }
    #expect(try parse("-0").integer == 0)
    #expect(try parse("9223372036854775808").integer == nil)
    #expect(try parse("1e400").integer == nil)
    #expect(try parse("1.5").integer == nil)
    #expect(try parse("\"1\"").integer == nil)
  }

  @Test(
    "Every escape is undone",
    arguments: [
      (#""a\"b""#, "a\"b"), (#""\\""#, "\\"), (#""\/""#, "/"),
      (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"),
      (#""\u0041""#, "A"), (#""\u00e9""#, "é"), (#""\u00E9""#, "é"), (#""\u20ac""#, "€"),
      (#""\ud83d\ude00""#, "😀"), (#""\uD83D\uDE00!""#, "😀!"), (#""\u0000""#, "\0"),
      (#""\uffff""#, "\u{FFFF}"), (#""""#, ""), (#""é😀""#, "é😀"), (#""\ud800\udc00""#, "\u{10000}"),
      (#""\udbff\udfff""#, "\u{10FFFF}"), ("\"\u{7F}\"", "\u{7F}"),
    ])
  func escapes(_ text: String, _ decoded: String) throws {
    #expect(try parse(text).string == decoded)
  }

  @Test(
    "Half of a surrogate pair is refused where it begins",
    arguments: [
      #""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800A""#,
      #""\udc00\ud800""#, #""\ud800\ud800""#,
    ])
  func loneSurrogatesAreRefused(_ text: String) {
    #expect(failure(text) == JSONError(reason: .loneSurrogate, offset: 1))
  }

  @Test(
    "An escape that does not exist is refused",
    arguments: [
      #""\x41""#, #""\'""#, #""\u12""#, #""\u12g4""#, #""\U0041""#, #""\0""#, #""\u 123""#,
      #""\u+123""#, #""\ud800\u12g4""#,
    ])
  func unknownEscapesAreRefused(_ text: String) {
    #expect(failure(text)?.reason == .invalidEscape)
  }

  @Test("A control character in a string is refused", arguments: UInt8(0)..<0x20)
  func controlCharactersAreRefused(_ byte: UInt8) {
    let bytes = [UInt8(ascii: "\""), byte, UInt8(ascii: "\"")]
    #expect(failure(bytes) == JSONError(reason: .controlCharacter, offset: 1))
  }

  @Test(
    "Bytes that are not UTF-8 are refused, wherever they stand",
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xC0, 0x80, 0x22],
      [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0x80, 0x22],
    ] as [[UInt8]])
  func invalidUTF8IsRefused(_ bytes: [UInt8]) {
    #expect(failure(bytes) == JSONError(reason: .invalidUTF8, offset: 1))
  }

  @Test("64 levels are accepted, one more is not")
  func depth() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(failure(nested(64)) == nil)
    #expect(failure(nested(65)) == JSONError(reason: .tooDeep, offset: 64))
    #expect(failure(String(repeating: "[", count: 1_000_000))?.reason == .tooDeep)
    #expect(failure("[" + nested(63) + "," + nested(63) + "]") == nil)
  }

  @Test(
    "A member that is named twice is refused, however it is spelt",
    arguments: [
      (#"{"a":1,"a":2}"#, 7), (#"{"a":1,"\u0061":2}"#, 7), (#"{"x":{"a":1,"a":1}}"#, 12),
    ])
  func duplicatesAreRefused(_ text: String, _ offset: Int) {
    #expect(failure(text) == JSONError(reason: .duplicateMember, offset: offset))
  }

  @Test("A duplicate is found among many members when one of them is escaped")
  func escapedDuplicatesAmongMany() {
    let many = (0..<20).map { "\"k\($0)\":0" }.joined(separator: ",")
    #expect(failure("{\(many),\"\\u006b19\":1}")?.reason == .duplicateMember)
    #expect(failure("{\"\\u006b19\":1,\(many)}")?.reason == .duplicateMember)
    #expect(failure("{\(many),\"\\u006b20\":1}") == nil)
  }

  @Test("A million values and names are accepted, one more is not")
  func nodesMax() {
    let most = "[" + String(repeating: "1,", count: JSONDocument.nodesMax - 2) + "1]"
    #expect(failure(most) == nil)
    #expect(failure("[1," + most.dropFirst())?.reason == .tooManyValues)
  }

  @Test("The same name in different objects is no duplicate")
  func namesOfDifferentObjects() {
    #expect(failure(#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#) == nil)
  }

  @Test("A duplicate is found among many members")
  func duplicatesAmongMany() {
    let many = (0..<1_000).map { "\"k\($0)\":0" }.joined(separator: ",")
    #expect(failure("{\(many)}") == nil)
    #expect(failure("{\(many),\"k500\":1}")?.reason == .duplicateMember)
  }

  @Test(
    "What is not one JSON text is refused, at the byte where it ends to be one",
    arguments: [
      ("", JSONError.Reason.unexpectedEnd, 0), (" ", .unexpectedEnd, 1), ("{", .unexpectedEnd, 1),
      ("[1", .unexpectedEnd, 2), (#"{"a""#, .unexpectedEnd, 4), (#"{"a":"#, .unexpectedEnd, 5),
      ("\"abc", .unexpectedEnd, 4), ("tru", .unexpectedEnd, 3), ("[1,]", .unexpectedByte, 3),
      (#"{"a":1,}"#, .unexpectedByte, 7), ("{a:1}", .unexpectedByte, 1),
      ("[1 2]", .unexpectedByte, 3),
      (#"{"a" 1}"#, .unexpectedByte, 5), (#"{"a":1 "b":2}"#, .unexpectedByte, 7),
      ("True", .unexpectedByte, 0), ("nul!", .unexpectedByte, 3), ("'a'", .unexpectedByte, 0),
      ("[,1]", .unexpectedByte, 1), ("// c\n1", .unexpectedByte, 0), ("1 1", .trailingBytes, 2),
      ("{}x", .trailingBytes, 2), ("[]]", .trailingBytes, 2), ("null null", .trailingBytes, 5),
      ("\u{FEFF}1", .unexpectedByte, 0), ("\u{A0}1", .unexpectedByte, 0),
      ("1\u{B}", .trailingBytes, 1),
    ])
  func malformedTexts(_ text: String, _ reason: JSONError.Reason, _ offset: Int) {
    #expect(failure(text) == JSONError(reason: reason, offset: offset))
  }

  @Test("Any prefix of a document is refused, not misread")
  func prefixes() {
    let text = Array(#"{"a":[1.5e3,"x\u00e9\ud83d\ude00",true,null],"b":{"c":false}}"#.utf8)
    #expect(failure(text) == nil)
    for length in 0..<text.count { #expect(failure(Array(text[..<length])) != nil) }
  }

  @Test("Members and elements come in order, with their own text")
  func structure() throws {
    let root = try parse(#" {"a" : [1, {"b":2}] , "c":"d"} "#)
    #expect(root.members.map(\.name) == ["a", "c"])
    #expect(root["a"]?.count == 2)
    #expect(root["a"].map { String(decoding: $0.text, as: UTF8.self) } == #"[1, {"b":2}]"#)
    #expect(root["a"]?.elements[1]["b"]?.integer == 2)
    #expect(root["c"]?.string == "d")
    #expect(root["x"] == nil)
    #expect(root["c"]?.elements.isEmpty == true)
    #expect(root["c"]?.members.isEmpty == true)
    #expect(root.stringBytes == nil)
    #expect(try parse("true").bool == true)
    #expect(try parse("false").bool == false)
    #expect(try parse("null").bool == nil)
  }
}
