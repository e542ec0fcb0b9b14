import Basics
import Foundation
import Testing

@Suite("A JSON text is written so that it reads back")
struct JSONWriterTests {
  private func written(
    escapesC1: Bool = false, _ write: (inout JSONWriter) -> Void
  ) -> String {
    var writer = JSONWriter(escapesC1: escapesC1)
    write(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test("There are commas between members and elements, nowhere else")
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

  @Test("Every character of a string or a name comes back", arguments: [false, true])
  func stringsComeBack(escapesC1: Bool) throws {
    var text = (0...0x2FF).compactMap { Unicode.Scalar($0) }.map { String($0) }.joined()
    text += "€\u{FFFF}😀\u{10FFFF}"
    let json = written(escapesC1: escapesC1) {
      $0.beginObject()
      $0.name(escaping: text)
      $0.beginArray()
      $0.string(text)
      $0.string(utf8: Array(text.utf8))
      $0.endArray()
      $0.endObject()
    }
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8))
    #expect(object as? [String: [String]] == [text: [text, text]])
  }

  @Test(
    "Control characters, quotation marks and backslashes are escaped",
    arguments: [
      ("\"\\/", #"\"\\/"#), ("\u{8}\t\n\u{C}\r", #"\b\t\n\f\r"#),
      ("\u{0}\u{1B}\u{1F} ", #"\u0000\u001b\u001f "#), ("~\u{7F}", #"~\u007f"#),
    ])
  func escapes(_ text: String, _ escaped: String) {
    #expect(written { $0.string(text) } == "\"\(escaped)\"")
    #expect(written(escapesC1: true) { $0.string(text) } == "\"\(escaped)\"")
  }

  @Test("U+0080 to U+009F are escaped where it is asked for, and nothing beside them")
  func c1() {
    let text = "\u{7E}\u{80}\u{9B}\u{9F}\u{A0}\u{C2}\u{C0}\u{2009}\u{10080}"
    #expect(written { $0.string(text) } == "\"\(text)\"")
    #expect(
      written(escapesC1: true) { $0.string(text) }
        == "\"~\\u0080\\u009b\\u009f\u{A0}\u{C2}\u{C0}\u{2009}\u{10080}\"")
  }

  @Test("A value whose text is given is an element like any other")
  func raw() {
    let text = written {
      $0.beginArray()
      $0.raw("1.5".utf8)
      $0.raw { $0 += Array("[]".utf8) }
      $0.bool(false)
      $0.endArray()
    }
    #expect(text == "[1.5,[],false]")
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
    "A time is a string in UTC with microseconds",
    arguments: [
      (0, "1970-01-01T00:00:00.000000Z"), (1, "1970-01-01T00:00:00.000001Z"),
      (-1, "1969-12-31T23:59:59.999999Z"), (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
      (1_751_287_261_123_456, "2025-06-30T12:41:01.123456Z"),
    ] as [(Int64, String)])
  func times(_ microseconds: Int64, _ text: String) {
    #expect(
      written { $0.timestamp(microseconds: microseconds) } == "\"\(text)\"")
  }
}
