import TestSupport
import Testing

@testable import HTTP

@Suite("Random request heads")
struct HTTPParserPropertyTests {
  /// A valid head and a summary of it.
  private struct Sample {
    var bytes: [UInt8]
    var summary: String

    init(using random: inout SeededGenerator) {
      let method = ["GET", "PUT", "DELETE", "PURGE", "m-s"].randomElement(using: &random) ?? ""
      let path = "/" + Sample.text("aZ09-._~!$&'()*+,;=:@%2F/", 0...40, using: &random)
      let query =
        Bool.random(using: &random) ? Sample.text("a=1&%20?/", 0...20, using: &random) : nil
      let names = (0..<Int.random(in: 0...6, using: &random)).map { index in
        "x\(index)" + Sample.text("abcXYZ019-_.!#", 0...12, using: &random)
      }
      var fields = names.map { name in
        let middle = Sample.text("azAZ09 \t\"\\,;=\u{fc}\u{4e2d}", 0...30, using: &random)
        return (name, middle.isEmpty ? "" : "<\(middle)>")
      }
      let host = "h" + Sample.text("abc.-", 0...10, using: &random)
      fields.insert(("hOst", host), at: Int.random(in: 0...fields.count, using: &random))

      var text = Bool.random(using: &random) ? "\r\n" : ""
      text += "\(method) \(path)\(query.map { "?" + $0 } ?? "") HTTP/1.1\r\n"
      for (name, value) in fields {
        let before = Sample.text(" \t", 0...3, using: &random)
        let after = Sample.text(" \t", 0...3, using: &random)
        text += "\(name):\(before)\(value)\(after)\r\n"
      }
      bytes = [UInt8](text + "\r\n")
      summary = Sample.summary(method, path, query, fields.map { "\($0)=\($1)" })
    }

    private static func text(
      _ alphabet: String, _ count: ClosedRange<Int>, using random: inout SeededGenerator
    ) -> String {
      let characters = [Character](alphabet)
      var text = ""
      for _ in 0..<Int.random(in: count, using: &random) {
        text.append(characters[Int.random(in: 0..<characters.count, using: &random)])
      }
      return text
    }

    static func summary(
      _ method: String, _ path: String, _ query: String?, _ fields: [String]
    ) -> String {
      "\(method) \(path) \(query ?? "none") \(fields)"
    }
  }

  /// A few random places to cut, in order.
  private func randomCuts(of count: Int, using random: inout SeededGenerator) -> [Int] {
    (0..<3).map { _ in Int.random(in: 0...count, using: &random) }.sorted()
  }

  @Test("A valid head is read as it was made, however it is cut")
  func valid() {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<1_000 {
      let sample = Sample(using: &random)
      let result = HeadResult.parsing(sample.bytes)
      guard case .heads(let heads, rest: 0) = result, heads.count == 1 else {
        Issue.record("\(result) for \(sample.bytes.spelled), seed \(seed)")
        return
      }
      let head = heads[0]
      #expect(
        Sample.summary(head.method, head.path, head.query, head.fields) == sample.summary,
        "seed \(seed)")
      #expect(head.length == sample.bytes.count, "seed \(seed)")
      for cuts in [Array(0...sample.bytes.count), randomCuts(of: head.length, using: &random)] {
        #expect(HeadResult.parsing(sample.bytes, cuts: cuts) == result, "seed \(seed)")
      }
    }
  }

  @Test("A spoilt head has one result, however it is cut")
  func spoilt() {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let pieces = [
      "\r", "\n", "\r\n", " ", "\t", ":", "\0", "Host: b\r\n", "Content-Length: 5\r\n", "HTTP/1.0",
      "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "Expect: x\r\n", "/", "*", "%",
    ].map { [UInt8]($0) }
    var refused = 0
    for _ in 0..<2_000 {
      var bytes = Sample(using: &random).bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: index)
        case 2:
          bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: index)
        default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
        }
      }
      let result = HeadResult.parsing(bytes)
      if case .refused = result { refused += 1 }
      for cuts in [Array(0...bytes.count), randomCuts(of: bytes.count, using: &random)] {
        #expect(
          HeadResult.parsing(bytes, cuts: cuts) == result,
          "\(bytes.spelled), cuts \(cuts), seed \(seed)")
      }
    }
    // The test proves nothing unless both kinds occur.
    #expect(refused > 100 && refused < 1_990, "seed \(seed)")
  }
}
