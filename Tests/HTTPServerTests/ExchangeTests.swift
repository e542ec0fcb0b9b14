import EventLoop
import HTTP
import Testing

/// Requests and answers over real sockets, on every poller (RFC 9112).
@Suite(.timeLimit(.minutes(1)))
struct ExchangeTests {
  @Test("One connection serves request after request", arguments: PollerBackend.allCases)
  func keepAlive(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      for number in 0..<50 {
        try client.send("GET /\(number) HTTP/1.1\r\nHost: h\r\n\r\n")
        let answer = try client.receive()
        #expect(answer.status == 200)
        #expect(answer.text == "/\(number)")
        #expect(answer.fields["connection"] == nil)
      }
      client.close()
    }
  }

  @Test("Pipelined requests are answered in order", arguments: PollerBackend.allCases)
  func pipelining(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      let requests = (0..<200).map {
        "PUT /\($0) HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"
      }
      try client.send(requests.joined())
      for _ in 0..<200 { #expect(try client.receive().text == "ab") }
      client.close()
    }
  }

  @Test("A request may come byte by byte", arguments: PollerBackend.allCases)
  func byteByByte(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      let request =
        "PUT /k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      for byte in request.utf8 { try client.send([byte]) }
      #expect(try client.receive().text == "abc")
      client.close()
    }
  }

  @Test(
    "Chunks and trailers are decoded, and the next request is found",
    arguments: PollerBackend.allCases)
  func chunked(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send(
        "PUT /k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: t\r\n\r\n"
          + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
      )
      #expect(try client.receive().text == "Wikipedia")
      #expect(try client.receive().text == "/next")
      client.close()
    }
  }

  @Test("Large bodies go both ways, also to a slow reader", arguments: PollerBackend.allCases)
  func largeBodies(backend: PollerBackend) async throws {
    let body = (0..<2 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      client.shrinkReceiveBuffer()
      for _ in 0..<2 {
        try client.send("PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
        try client.send(body)
        #expect(try client.receive().body == body)
      }
      client.close()
    }
  }

  @Test("An answer to HEAD has the length but not the body", arguments: PollerBackend.allCases)
  func head(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send("HEAD /four HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try client.receive(isHead: true).fields["content-length"] == "5")
      #expect(try client.receive().text == "/next")
      client.close()
    }
  }

  @Test(
    "100 is sent to a client that waits for it, and only then", arguments: PollerBackend.allCases)
  func continues(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      let head = "PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
      try client.send(head)
      #expect(try client.receive().status == 100)
      try client.send("ab")
      #expect(try client.receive().text == "ab")
      try client.send(head + "cd")
      #expect(try client.receive().text == "cd")
      client.close()
    }
  }

  @Test("A body that is refused is not asked for", arguments: PollerBackend.allCases)
  func refusedBody(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      for (path, length, status) in [("/closed", 2, 403), ("/k", 3 << 20, 413)] {
        let client = try fixture.connect()
        try client.send(
          "PUT \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: \(length)\r\n"
            + "Expect: 100-continue\r\n\r\n"
        )
        let answer = try client.receive()
        #expect(answer.status == status)
        #expect(answer.fields["connection"] == "close")
        #expect(try client.isAtEnd())
        client.close()
      }
    }
  }

  @Test(
    "A request without a body that is refused keeps its connection",
    arguments: PollerBackend.allCases)
  func refusedHead(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send("GET /closed HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try client.receive().status == 403)
      try client.send("GET /k HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try client.receive().text == "/k")
      client.close()
    }
  }

  @Test(
    "A client that sends a refused body all the same can read the answer",
    arguments: PollerBackend.allCases)
  func lingering(backend: PollerBackend) async throws {
    // A proxy passes a body of this size on, and considers a server that resets it dead.
    let body = [UInt8](repeating: 0, count: 9 << 20)
    let heads = [
      ("PUT /k HTTP/1.1\r\nHost: h\r\n", 413), ("PUT /closed HTTP/1.1\r\nHost: h\r\n", 403),
      ("PUT /k HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n", 417),
      ("PUT /k HTTP/1.1\r\nHost: h\r\n: x\r\n", 400),
    ]
    try await ServerFixture.with(backend) { fixture in
      for (head, status) in heads {
        let client = try fixture.connect()
        try client.send("\(head)Content-Length: \(body.count)\r\n\r\n")
        try client.send(body)
        #expect(try client.receive().status == status)
        #expect(try client.isAtEnd())
        client.close()
      }
    }
  }

  @Test("A chunked body over the bound is refused", arguments: PollerBackend.allCases)
  func largeChunks(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      try client.send("PUT /k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n300001\r\n")
      #expect(try client.receive().status == 413)
      #expect(try client.isAtEnd())
      client.close()
    }
  }

  @Test(
    "The handler learns the origin of a request that HTTP refuses",
    arguments: PollerBackend.allCases)
  func originOfRefused(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let origin = "Origin: https://a.example\r\n"
      for (request, status, seen) in [
        ("PUT /k HTTP/1.1\r\nHost: h\r\n\(origin)Content-Length: 9999999\r\n\r\n", 413, true),
        ("PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n", 413, false),
        ("\r\nGET / HTTP/1.1\r\n\(origin)no colon\r\n\r\n", 400, true),
        ("GET / HTTP/1.1\r\nno colon\r\n\(origin)\r\n", 400, false),
        ("GET / HTTP/1.1\r\n\(origin)X: \(String(repeating: "x", count: 17_000))", 431, true),
      ] {
        let client = try fixture.connect()
        try client.send(request)
        let answer = try client.receive()
        #expect(answer.status == status)
        #expect(answer.fields["x-origin"] == (seen ? "https://a.example" : nil))
        client.close()
      }
    }
  }

  @Test(
    "A malformed request is answered and ends the connection", arguments: PollerBackend.allCases)
  func refused(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/2.0\r\n", 505),
        ("GET / HTTP/1.1\nHost: h\n", 400),
        ("GET /\(String(repeating: "x", count: 9_000))", 414),
      ] {
        let client = try fixture.connect()
        try client.send(request + "Host: h\r\n\r\n")
        let answer = try client.receive()
        #expect(answer.status == status)
        #expect(answer.fields["connection"] == "close")
        #expect(try client.isAtEnd())
        client.close()
      }
    }
  }

  @Test("HTTP/1.0 and `Connection: close` end after one answer", arguments: PollerBackend.allCases)
  func closes(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      for request in [
        "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      ] {
        let client = try fixture.connect()
        try client.send(request)
        let answer = try client.receive()
        #expect(answer.status == 200)
        #expect(answer.fields["connection"] == "close")
        #expect(try client.isAtEnd())
        client.close()
      }
    }
  }

  @Test("A valid request id comes back, any other is replaced", arguments: PollerBackend.allCases)
  func requestIDs(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let client = try fixture.connect()
      var seen: Set<String> = []
      for sent in ["sane-1", "not sane", "<script>", String(repeating: "x", count: 129)] {
        try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: \(sent)\r\n\r\n")
        let id = try #require(try client.receive().fields["x-request-id"])
        #expect((id == sent) == (sent == "sane-1"))
        seen.insert(id)
      }
      #expect(seen.count == 4)
      client.close()
    }
  }

  @Test(
    "A client that goes away at any point does no harm to others",
    arguments: PollerBackend.allCases)
  func goneClients(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let request = "PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd"
      for length in 0...request.utf8.count {
        let client = try fixture.connect()
        try client.send(Array(request.utf8.prefix(length)))
        client.close()
      }
      let client = try fixture.connect()
      try client.send(request)
      #expect(try client.receive().text == "abcd")
      client.close()
    }
  }
}
