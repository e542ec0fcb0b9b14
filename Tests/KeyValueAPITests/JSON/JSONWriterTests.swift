import Basics
import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("A JSON text is written so that it reads back")
struct JSONWriterTests {
  private func written(_ write: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    write(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test("Commas stand between members and elements, nowhere else")
  func commas() {
    let text = written {
      $0.beginObject()
      $0.name("a")
      $0.beginArray()
      $0.number(1)
      $0.null()
      $0.beginObject()
      $0.endObject()
      $0.bool(true)
      $0.endArray()
      $0.name("b")
      $0.string("c")
      $0.name("d")
      $0.raw(Array("[ 1.0 ]".utf8))
      $0.endObject()
    }
    #expect(text == #"{"a":[1,null,{},true],"b":"c","d":[ 1.0 ]}"#)
  }

  @Test("Every character of a string comes back")
  func stringsComeBack() throws {
    var text = (0...0x2FF).compactMap { Unicode.Scalar($0) }.map { String($0) }.joined()
    text += "€\u{FFFF}😀\u{10FFFF}"
    let bytes = Array(written { $0.string(text) }.utf8)
    #expect(try JSONDocument(parsing: bytes).root.string == text)
  }

  @Test("Numbers are written whole")
  func numbers() {
    #expect(written { $0.number(.max) } == "9223372036854775807")
    #expect(written { $0.number(.min) } == "-9223372036854775808")
    #expect(written { $0.number(0) } == "0")
  }

  @Test(
    "A fraction has four decimals",
    arguments: [
      (0, 0, "0.0000"), (0, 5, "0.0000"), (1, 3, "0.3333"), (2, 3, "0.6667"), (1, 1, "1.0000"),
      (1, 20_000, "0.0001"), (99_999, 100_000, "1.0000"),
    ])
  func fractions(_ part: Int, _ whole: Int, _ text: String) {
    #expect(written { $0.fraction(part, of: whole) } == text)
  }

  @Test(
    "A time is UTC with microseconds",
    arguments: [
      (0, "1970-01-01T00:00:00.000000Z"), (1, "1970-01-01T00:00:00.000001Z"),
      (-1, "1969-12-31T23:59:59.999999Z"), (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
      (1_751_287_261_123_456, "2025-06-30T12:41:01.123456Z"),
      (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
      (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
      (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
      (.max, "9999-12-31T23:59:59.999999Z"), (.min, "0000-01-01T00:00:00.000000Z"),
    ] as [(Int64, String)])
  func times(_ microseconds: Int64, _ text: String) {
    #expect(
      written { $0.timestamp(microseconds: microseconds) } == "\"\(text)\"")
  }
}

@Suite("Base64 is what RFC 4648 says, and nothing else is accepted")
struct Base64Tests {
  @Test(
    "The vectors of RFC 4648, section 10",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
  func vectors(_ bytes: String, _ text: String) {
    var encoded: [UInt8] = []
    Base64.append(Array(bytes.utf8), to: &encoded)
    #expect(String(decoding: encoded, as: UTF8.self) == text)
    #expect(Base64.decode(Array(text.utf8)) == Array(bytes.utf8))
  }

  @Test("All bytes in all positions come back")
  func roundTrip() {
    for shift in 0..<4 {
      let bytes = [UInt8](repeating: 0xFF, count: shift) + Array(0...255)
      var text: [UInt8] = []
      Base64.append(bytes, to: &text)
      #expect(Base64.decode(text) == bytes)
    }
  }

  @Test(
    "What is not exactly Base64 is refused",
    arguments: [
      "Z", "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm9v=", "Zm8", "Zh==", "Zm9=", "Zm9v\n",
      "Zm 9v===", "Zm-_", "Zm9vZg==Zg==", "Z=g=", "Zg=a",
    ])
  func malformed(_ text: String) {
    #expect(Base64.decode(Array(text.utf8)) == nil)
  }
}
