import EventLoop
import HTTP
import Testing

/// Answers that are streamed: their framing, and how they end.
@Suite(.timeLimit(.minutes(1)))
struct StreamTests {
  private static let request = "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"

  @Test("A stream is sent in chunks, and the connection goes on", arguments: PollerBackend.allCases)
  func chunks(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      // The next request is sent ahead, while the stream lasts.
      try client.send(
        "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
      let answer = try client.receive()
      #expect(answer.status == 200)
      #expect(answer.fields["transfer-encoding"] == "chunked")
      #expect(answer.fields["content-length"] == nil)
      #expect(answer.fields["connection"] == nil)
      #expect(answer.text == "one two three ")
      #expect(try client.receive().text == "/next")
      client.close()
    }
  }

  @Test(
    "HTTP/1.0 knows no chunks: the end of the connection ends the stream",
    arguments: PollerBackend.allCases)
  func closeDelimited(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send("GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      let answer = try client.receive()
      #expect(answer.fields["transfer-encoding"] == nil)
      #expect(answer.fields["content-length"] == nil)
      #expect(answer.fields["connection"] == "close")
      #expect(try client.receiveRest() == "one two three ")
      client.close()
    }
  }

  @Test("The answer to HEAD has no stream", arguments: PollerBackend.allCases)
  func head(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n\(Self.pieces)")
      let answer = try client.receive(isHead: true)
      #expect(answer.status == 200)
      #expect(answer.fields["transfer-encoding"] == "chunked")
      #expect(try client.receive().text == "one two three ")
      client.close()
    }
  }

  private static let pieces = "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n"

  @Test(
    "Connection: close ends the connection after the last chunk", arguments: PollerBackend.allCases)
  func close(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send("GET /pieces HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
      let answer = try client.receive()
      #expect(answer.fields["connection"] == "close")
      #expect(answer.text == "one two three ")
      #expect(try client.isAtEnd())
      client.close()
    }
  }

  @Test(
    "A stream that has nothing to send ends when its client leaves",
    arguments: PollerBackend.allCases, [true, false])
  func leaving(backend: PollerBackend, isAbrupt: Bool) async throws {
    try await ServerFixture.with(backend) { fixture in
      for _ in 0..<100 {
        let client = try fixture.connect()
        try client.send(Self.request)
        #expect(try client.receiveChunk() == "hello")
        if isAbrupt { client.reset() } else { client.close() }
      }
      await fixture.streams.awaitEnds(100)
      #expect(fixture.streams.endings == Array(repeating: .gone, count: 100))
    }
  }

  @Test("What a client sends ahead of its turn is bounded", arguments: PollerBackend.allCases)
  func sendingAhead(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send(Self.request)
      #expect(try client.receiveChunk() == "hello")
      // The server stops reading at some point: an error is as good as the end.
      let request = Array(repeating: Self.pieces, count: 100).joined()
      for _ in 0..<1_000 where (try? client.send(request)) == nil { break }
      await fixture.streams.awaitEnds(1)
      #expect(fixture.streams.endings == [.gone])
      client.close()
    }
  }

  @Test("A client that does not read is ended, others go on", arguments: PollerBackend.allCases)
  func slowReader(backend: PollerBackend) async throws {
    var configuration = HTTPConfiguration()
    configuration.writeTimeout = .milliseconds(300)
    try await ServerFixture.with(backend, configuration) { fixture in
      let slow = try fixture.connect()
      slow.shrinkReceiveBuffer()
      try slow.send("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n")
      let other = try fixture.connect()
      try other.send(Self.pieces)
      #expect(try other.receive().text == "one two three ")
      await fixture.streams.awaitEnds(2)
      #expect(Set(fixture.streams.endings) == [nil, .slow])
      slow.close()
      other.close()
    }
  }

  @Test(
    "A client for whose bytes there is no memory is ended", arguments: PollerBackend.allCases)
  func noMemory(backend: PollerBackend) async throws {
    var configuration = HTTPConfiguration()
    configuration.answerBytesMax = 1_000
    try await ServerFixture.with(backend, configuration) { fixture in
      let slow = try fixture.connect()
      slow.shrinkReceiveBuffer()
      try slow.send("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n")
      await fixture.streams.awaitEnds(1)
      #expect(fixture.streams.endings == [.slow])
      slow.close()
    }
  }

  @Test("A drain ends streams with their last chunk", arguments: PollerBackend.allCases)
  func drain(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send(Self.request)
      #expect(try client.receiveChunk() == "hello")
      await fixture.server.drain()
      await fixture.server.endIdleConnections()
      #expect(try client.receiveChunk() == "")
      #expect(try client.isAtEnd())
      client.close()
      // A stream that is asked for now ends at once.
      let late = try fixture.connect()
      try late.send(Self.request)
      #expect(try late.receive().text == "")
      #expect(try late.isAtEnd())
      late.close()
      await fixture.server.drained()
      #expect(fixture.streams.endings == [.drain, .drain])
    }
  }

  @Test("An abort ends streams at once", arguments: PollerBackend.allCases)
  func abort(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send(Self.request)
      #expect(try client.receiveChunk() == "hello")
      await fixture.server.abort()
      await fixture.streams.awaitEnds(1)
      #expect(fixture.streams.endings == [.drain])
      client.close()
    }
  }

  @Test(
    "The handler's own work runs beside the requests, and ends after the last of them",
    arguments: PollerBackend.allCases)
  func background(backend: PollerBackend) async throws {
    let streams = Streams()
    try await ServerFixture.with(backend, streams: streams) { fixture in
      let client = try fixture.connect()
      try client.send(Self.pieces)
      #expect(try client.receive().text == "one two three ")
      #expect(fixture.streams.isRunning)
      client.close()
    }
    #expect(!streams.isRunning)
  }
}
