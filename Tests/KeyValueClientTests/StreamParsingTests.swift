import Testing

@testable import KeyValueClient

@Suite("What a server sends, in pieces of any size")
struct StreamParsingTests {
  private static let stream = """
    \u{FEFF}retry: 2000
    : welcome
    id: 7.0

    id: 7.1
    event: put
    data: {"key":"a",
    data: "revision":1}

    event:delete
    data:x\r
    \r
    data

    id

    data: last
    id: 8.0

    data: never finished
    """

  private static let expected = [
    StreamEvent(id: "7.1", name: "put", data: "{\"key\":\"a\",\n\"revision\":1}"),
    StreamEvent(id: "7.1", name: "delete", data: "x"),
    StreamEvent(id: "7.1", name: "message", data: ""),
    StreamEvent(id: "8.0", name: "message", data: "last"),
  ]

  @Test("A stream of events is the same wherever it is cut")
  func events() throws {
    let bytes = Array(Self.stream.utf8)
    for cut in 0...bytes.count {
      var parser = EventStreamParser()
      let found = try parser.feed(bytes[..<cut]) + parser.feed(bytes[cut...])
      #expect(found == Self.expected, "cut at \(cut)")
      #expect(parser.lastID == "8.0")
      #expect(parser.retryMilliseconds == 2000)
    }
    var parser = EventStreamParser()
    let single = try bytes.flatMap { try parser.feed([$0]) }
    #expect(single == Self.expected)
  }

  @Test("Lines may end in CR alone")
  func carriageReturns() throws {
    var parser = EventStreamParser()
    let found = try parser.feed(Array("data: a\r\rdata: b\r\r".utf8))
    #expect(found.map(\.data) == ["a", "b"])
  }

  @Test("Lines are the same wherever they are cut")
  func lines() {
    let bytes = Array("one\ntwo\r\n\nfour".utf8)
    for cut in 0...bytes.count {
      var splitter = LineSplitter()
      var found = splitter.feed(bytes[..<cut]) + splitter.feed(bytes[cut...])
      if let last = splitter.close() { found.append(last) }
      #expect(
        found.map { String(decoding: $0.bytes, as: UTF8.self) } == ["one", "two", "", "four"])
      #expect(found.map(\.number) == [1, 2, 3, 4])
    }
  }

  @Test("A line that is too long is named, and the next one is read")
  func longLine() {
    var splitter = LineSplitter(lineBytesMax: 4)
    let found = splitter.feed(Array("abcde\nabcd\n".utf8))
    #expect(found.map(\.isTooLong) == [true, false])
    #expect(found.map(\.number) == [1, 2])
    #expect(splitter.close() == nil)
  }
}
