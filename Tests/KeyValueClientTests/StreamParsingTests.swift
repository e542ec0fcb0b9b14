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

  @Test("An answer is the same wherever it is cut")
  func answers() throws {
    let text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nETag: \"5\" \r\n"
      + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      var parser = ResponseParser()
      let events = try parser.feed(bytes[..<cut]) + parser.feed(bytes[cut...])
      var body: [UInt8] = []
      var head: AnswerHead?
      for event in events {
        if case .head(let found) = event { head = found }
        if case .body(let piece) = event { body += piece }
      }
      #expect(head?.status == 200)
      #expect(head?["etag"] == "\"5\"")
      #expect(body == Array("abc0123456789".utf8))
      #expect(events.last == .end)
      #expect(parser.isReusable)
    }
  }

  @Test("The length of a body, and whether the connection can be used again")
  func lengths() throws {
    func parse(_ text: String, isHead: Bool = false, closes: Bool = false) throws -> (String, Bool)
    {
      var parser = ResponseParser(isHead: isHead)
      var events = try parser.feed(Array(text.utf8))
      if closes { events += try parser.close() }
      #expect(events.last == .end)
      let body: [UInt8] = events.flatMap { event -> [UInt8] in
        if case .body(let bytes) = event { bytes } else { [] }
      }
      return (String(decoding: body, as: UTF8.self), parser.isReusable)
    }
    #expect(try parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") == ("hi", true))
    #expect(try parse("HTTP/1.1 204 No\r\n\r\n") == ("", true))
    #expect(try parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", isHead: true) == ("", true))
    #expect(
      try parse("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n") == ("", false))
    #expect(try parse("HTTP/1.0 200 OK\r\n\r\nhi", closes: true) == ("hi", false))
  }

  @Test(
    "What is no answer is refused",
    arguments: [
      "SSH-2.0-OpenSSH\r\n", "HTTP/2 200\r\n", "HTTP/1.1 99 x\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    ])
  func malformed(_ text: String) {
    var parser = ResponseParser()
    #expect(throws: MalformedAnswer.self) { try parser.feed(Array(text.utf8)) }
  }

  @Test("An answer that ends too early is no answer")
  func truncated() throws {
    var parser = ResponseParser()
    _ = try parser.feed(Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi".utf8))
    #expect(throws: MalformedAnswer.self) { try parser.close() }
  }
}
