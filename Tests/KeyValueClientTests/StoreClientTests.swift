import Basics
import Testing

@testable import KeyValueClient

@Suite("Requests over the network, and what goes wrong with them")
struct StoreClientTests {
  private static let ok = ScriptedServer.Reply.bytes(
    "HTTP/1.1 200 OK\r\nETag: \"7\"\r\nContent-Length: 2\r\n\r\nhi")

  private func client(
    _ url: String, repetitionsMax: Int = 0, timeout: Duration = .seconds(30),
    silenceMax: Duration = .seconds(30), trust: TrustedCertificates? = nil
  ) throws -> StoreClient {
    var configuration = ClientConfiguration(address: try #require(ServerAddress(url)))
    configuration.repetitionsMax = repetitionsMax
    configuration.timeout = timeout
    configuration.silenceMax = silenceMax
    configuration.trust = trust
    return StoreClient(configuration)
  }

  /// The error of a request to a server that answers so; nil: it does not answer.
  private func failure(
    of request: ClientRequest = ClientRequest("GET", "/kv/a"),
    silenceMax: Duration = .seconds(30), _ reply: ScriptedServer.Reply?
  ) async throws -> ClientError? {
    func send(_ server: ScriptedServer) async throws -> ClientError? {
      let client = try client(server.url, silenceMax: silenceMax)
      return await #expect(throws: ClientError.self) { try await client.send(request) }
    }
    guard let reply else { return try await ScriptedServer.run(during: send) }
    return try await ScriptedServer.run(reply, during: send)
  }

  @Test("Requests share a connection, and every byte of their targets arrives")
  func targets() async throws {
    try await ScriptedServer.run(Self.ok, Self.ok, Self.ok, Self.ok) { server in
      let client = try client(server.url + "/store/")
      for key in ["a//b/", "a/../b c%?ü", "~!*'();:@&=+$,[]"] {
        let answer = try await client.send(.entry("GET", key))
        #expect(answer.body == Array("hi".utf8))
        #expect(answer.revision == 7)
      }
      var request = ClientRequest("GET", "/kv")
      request.query("prefix", "a&b=c+/ü")
      _ = try await client.send(request)
      #expect(
        server.targets == [
          "/store/kv/a//b/", "/store/kv/a/../b%20c%25%3F%C3%BC",
          "/store" + ClientRequest.entry("GET", "~!*'();:@&=+$,[]").target,
          "/store/kv?prefix=a%26b%3Dc%2B/%C3%BC",
        ])
      #expect(server.connections == 1)
    }
  }

  @Test("A request carries the fields of the client and of the command")
  func fields() async throws {
    try await ScriptedServer.run(Self.ok) { server in
      var configuration = ClientConfiguration(address: try #require(ServerAddress(server.url)))
      configuration.token = "secret"
      var request = ClientRequest("PUT", "/kv/a")
      request.set("If-Match", "\"7\"")
      request.body = []
      _ = try await StoreClient(configuration).send(request)
      let lines = server.heads[0].lowercased().split(separator: "\r\n")
      for line in [
        "put /kv/a http/1.1", "host: 127.0.0.1:\(server.port)", "authorization: bearer secret",
        "if-match: \"7\"", "content-length: 0", "user-agent: kv/\(Release.version)",
      ] {
        #expect(lines.contains { $0 == line }, "\(line)")
      }
    }
  }

  @Test("A request over the rate of its token is sent again, also one that may be sent once only")
  func rate() async throws {
    let body = #"{"type":"/docs#too-many-requests","status":429,"limit":"1 requests/s"}"#
    let refusal = ScriptedServer.Reply.bytes(
      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: \(body.utf8.count)"
        + "\r\n\r\n\(body)")
    try await ScriptedServer.run(refusal, Self.ok) { server in
      let request = ClientRequest("DELETE", "/kv?prefix=a", repetition: .ifNothingWasDone)
      let start = MonotonicTime.now()
      let answer = try await client(server.url, repetitionsMax: 1).send(request)
      #expect(answer.status == 200)
      #expect(server.targets == ["/kv?prefix=a", "/kv?prefix=a"])
      // As long as Retry-After says.
      #expect(start.duration(to: .now()) >= .seconds(1))
    }
    try await ScriptedServer.run(refusal) { server in
      let client = try client(server.url)
      let error = await #expect(throws: ClientError.self) {
        try await client.send(ClientRequest("GET", "/kv/a"))
      }
      guard case .refused(let problem)? = error else {
        Issue.record("it was not refused")
        return
      }
      #expect(problem.status == 429)
    }
  }

  @Test("A connection that the server has closed is made again, without a repetition")
  func closed() async throws {
    try await ScriptedServer.run(Self.ok, .last(""), Self.ok) { server in
      let client = try client(server.url)
      for _ in 0..<2 { _ = try await client.send(ClientRequest("GET", "/kv/a")) }
      #expect(server.heads.count == 3)
      #expect(server.connections == 2)
    }
  }

  @Test("What may be sent once gets a connection of its own, and is sent once")
  func once() async throws {
    try await ScriptedServer.run(Self.ok, .last("")) { server in
      let client = try client(server.url, repetitionsMax: 4)
      _ = try await client.send(ClientRequest("GET", "/kv/a"))
      let error = await #expect(throws: ClientError.self) {
        try await client.send(ClientRequest("DELETE", "/kv", repetition: .ifNothingWasDone))
      }
      #expect(
        error == .outcomeUnknown("the server closed the connection without a whole answer"))
      #expect(server.heads.count == 2)
      #expect(server.connections == 2)
    }
  }

  @Test("A write that got no answer is sent again, as it was")
  func repeated() async throws {
    try await ScriptedServer.run(.last(""), Self.ok) { server in
      let client = try client(server.url, repetitionsMax: 1)
      var request = ClientRequest("PUT", "/kv/a")
      request.identify()
      request.body = Array("value".utf8)
      #expect(try await client.send(request).revision == 7)
      #expect(server.heads.count == 2)
      #expect(server.heads[0] == server.heads[1])
    }
  }

  @Test("Interim answers are passed over; a redirect is not followed")
  func interim() async throws {
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    try await ScriptedServer.run(
      .bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"), .bytes(moved)
    ) { server in
      let client = try client(server.url)
      #expect(try await client.send(ClientRequest("GET", "/kv/a")).status == 204)
      #expect(try await client.send(ClientRequest("GET", "/kv/a")).status == 302)
    }
  }

  @Test("A refusal that comes before the request is read to its end is heard")
  func early() async throws {
    var request = ClientRequest("PUT", "/kv/a")
    request.body = [UInt8](repeating: 0x61, count: 16 << 20)
    let error = try await failure(
      of: request, .early("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
    #expect(error == .refused(Problem(Answer(head: AnswerHead(status: 413), body: []))))
  }

  @Test("A server that is not there is named; nothing was done")
  func refused() async throws {
    // The port of a server that has ended may belong to another test by now.
    let url = "http://127.0.0.1:1"
    let client = try client(url, repetitionsMax: 1)
    var request = ClientRequest("PUT", "/kv/a")
    request.body = []
    let error = await #expect(throws: ClientError.self) { try await client.send(request) }
    #expect(
      error
        == .unavailable(
          "there is no connection to \(url): Connection refused: does a server run there?"))
  }

  @Test("A server that does not answer in time: a read changed nothing, a write may have")
  func silence() async throws {
    let text = "the server did not answer in time"
    let short = Duration.milliseconds(100)
    #expect(try await failure(silenceMax: short, nil) == .unavailable(text))
    let write = ClientRequest("DELETE", "/kv/a")
    #expect(try await failure(of: write, silenceMax: short, nil) == .outcomeUnknown(text))
    // Also in the middle of an answer.
    let begun = ScriptedServer.Reply.bytes("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nh")
    #expect(try await failure(silenceMax: .seconds(2), begun) == .unavailable(text))
  }

  @Test("A request takes no longer than it may")
  func deadline() async throws {
    try await ScriptedServer.run { server in
      let client = try client(server.url, timeout: .milliseconds(100))
      // Whether the time is over before or after the connection is made.
      guard
        case .unavailable? = await #expect(
          throws: ClientError.self, performing: { try await client.send(ClientRequest("GET", "/")) }
        )
      else {
        Issue.record("it is not said to be unavailable")
        return
      }
    }
  }

  @Test("An answer that ends too early is no answer")
  func truncated() async throws {
    let error = try await failure(.last("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi"))
    #expect(error == .unavailable("the server closed the connection without a whole answer"))
  }

  @Test(
    "What is no HTTP is refused",
    arguments: [
      "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ])
  func malformed(_ text: String) async throws {
    guard case .malformed? = try await failure(.last(text)) else {
      Issue.record("it was taken for an answer")
      return
    }
  }

  @Test("A server that speaks first is no server of this API, and none that speaks TLS")
  func greeting() async throws {
    let greeting = ScriptedServer.Reply.greeting("SSH-2.0-OpenSSH\r\n")
    guard case .malformed? = try await failure(greeting) else {
      Issue.record("it was taken for an answer")
      return
    }
    try await ScriptedServer.run(greeting) { server in
      let client = try client(
        "https://127.0.0.1:\(server.port)", trust: try #require(TrustedCertificates(file: nil)))
      let error = await #expect(throws: ClientError.self) {
        try await client.send(ClientRequest("GET", "/kv/a"))
      }
      #expect(
        error
          == .insecure("the connection to 127.0.0.1 is not secure: the server does not speak TLS"))
    }
  }

  @Test("A file without certificates is refused")
  func certificates() {
    #expect(TrustedCertificates(file: "/nowhere") == nil)
    #expect(TrustedCertificates(file: "/dev/null") == nil)
  }

  @Test("A host that has no address is named")
  func unknownHost() async throws {
    let client = try client("http://nowhere.invalid", repetitionsMax: 4)
    let error = await #expect(throws: ClientError.self) {
      try await client.send(ClientRequest("GET", "/kv/a"))
    }
    #expect(error == .unavailable("the host nowhere.invalid can't be found: check the address"))
  }
}

@Suite("Streams of events over the network")
struct ChangeWatchTests {
  private static let head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

  private static func chunk(_ text: String) -> String {
    "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
  }

  private func client(
    _ server: ScriptedServer, silenceMax: Duration = .seconds(30)
  ) throws -> StoreClient {
    var configuration = ClientConfiguration(address: try #require(ServerAddress(server.url)))
    configuration.silenceMax = silenceMax
    return StoreClient(configuration)
  }

  @Test(
    "A stream that breaks or falls silent is resumed after the last event",
    .timeLimit(.minutes(1)))
  func resumed() async throws {
    let first = Self.head + Self.chunk("id: 1\ndata: a\n\n")
    let second = Self.head + Self.chunk("id: 2\ndata: b\n\n")
    let third = Self.head + Self.chunk("id: 3\ndata: c\n\nid: 4\ndata: d\n\n")
    try await ScriptedServer.run(.last(first), .bytes(second), .bytes(third)) { server in
      var watch = ChangeWatch()
      var seen: [String] = []
      var notices: [String] = []
      try await watch.run(try client(server, silenceMax: .seconds(2))) { notice in
        if case .interrupted(let why, _) = notice { notices.append(why) }
      } _: { event in
        seen.append(event.data)
        return seen.count < 3
      }
      #expect(seen == ["a", "b", "c"])
      #expect(watch.position == "3")
      #expect(
        notices == [
          "the server closed the connection without a whole answer",
          "the server did not answer in time",
        ])
      let positions = server.heads.map { head in
        head.split(separator: "\r\n").first { $0.hasPrefix("Last-Event-ID") }
      }
      #expect(positions == [nil, "Last-Event-ID: 1", "Last-Event-ID: 2"])
    }
  }

  @Test("A stream that is refused for good ends the watch, one that is not is asked for again")
  func refused() async throws {
    let busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    let gone = "HTTP/1.1 410 Gone\r\nContent-Length: 16\r\n\r\n{\"title\":\"Gone\"}"
    try await ScriptedServer.run(.bytes(busy), .bytes(gone)) { server in
      var watch = ChangeWatch(after: "9")
      let client = try client(server)
      let error = await #expect(throws: ClientError.self) {
        try await watch.run(client) { _ in
        } _: { _ in
          true
        }
      }
      guard case .refused(let problem)? = error else {
        Issue.record("it was not refused")
        return
      }
      #expect(problem.status == 410)
      #expect(problem.text == "Gone")
    }
  }
}
