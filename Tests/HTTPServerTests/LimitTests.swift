import EventLoop
import HTTP
import Testing

/// The limits on time and numbers that no client can exceed.
@Suite(.timeLimit(.minutes(1)))
struct LimitTests {
  /// A configuration in which only one deadline is short, so that no other can pass first.
  private static func short(
    _ deadline: WritableKeyPath<HTTPConfiguration, Duration>, milliseconds: Int = 50
  ) -> HTTPConfiguration {
    var configuration = HTTPConfiguration()
    configuration[keyPath: deadline] = .milliseconds(milliseconds)
    return configuration
  }

  @Test("A head that does not end is answered 408", arguments: PollerBackend.allCases)
  func slowHead(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend, Self.short(\.headTimeout)) { fixture in
      let client = try fixture.connect()
      try client.send("GET / HTTP/1.1\r\nHo")
      #expect(try client.receive().status == 408)
      #expect(try client.isAtEnd())
      client.close()
    }
  }

  @Test("A head that only drips in is answered 408 too", arguments: PollerBackend.allCases)
  func drippingHead(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend, Self.short(\.headTimeout)) { fixture in
      let client = try fixture.connect()
      try client.send("GET / HTTP/1.1\r\nA: ")
      // Each byte comes well within the deadline; the whole head does not.
      do {
        for _ in 0..<10_000 {
          try client.send("x")
          await Task.yield()
        }
      } catch {}
      #expect([408, 431].contains(try client.receive().status))
      client.close()
    }
  }

  @Test("A body that stalls is answered 408", arguments: PollerBackend.allCases)
  func slowBody(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend, Self.short(\.bodyTimeout)) { fixture in
      for framing in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nab"]
      {
        let client = try fixture.connect()
        try client.send("PUT / HTTP/1.1\r\nHost: h\r\n\(framing)")
        #expect(try client.receive().status == 408)
        #expect(try client.isAtEnd())
        client.close()
      }
    }
  }

  @Test("A body that only drips in is answered 408 too", arguments: PollerBackend.allCases)
  func drippingBody(backend: PollerBackend) async throws {
    let configuration = Self.short(\.bodyTimeout, milliseconds: 500)
    try await ServerFixture.with(backend, configuration) { fixture in
      let framings = [
        ("Content-Length: 1000000", "a"), ("Transfer-Encoding: chunked", "1\r\na\r\n"),
      ]
      for (framing, drop) in framings {
        let client = try fixture.connect()
        try client.send("PUT / HTTP/1.1\r\nHost: h\r\n\(framing)\r\n\r\n")
        // Each piece comes well within the deadline; together they are too few.
        try Self.drip(drop, to: client)
        #expect(try client.receive().status == 408)
        client.close()
      }
    }
  }

  /// Sends small pieces until an answer comes, at most far more than fit into the time.
  private static func drip(_ piece: String, to client: Client) throws {
    for _ in 0..<2_000 {
      if client.hasInput(within: 5) { return }
      try client.send(piece)
    }
    throw Client.Failed(description: "2,000 pieces were taken")
  }

  @Test(
    "A thousand bodies that were announced and drip in leave room for others",
    arguments: PollerBackend.allCases)
  func announcedBodies(backend: PollerBackend) async throws {
    var configuration = HTTPConfiguration()
    configuration.bodyBytesMax = 16 << 20
    try await ServerFixture.with(backend, configuration) { fixture in
      let idle = try (0..<300).map { _ in
        let client = try fixture.connect()
        try client.send("PUT /large HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\na")
        return client
      }
      let body = [UInt8](repeating: 7, count: 1 << 20)
      let other = try fixture.connect()
      try other.send("PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
      try other.send(body)
      #expect(try other.receive().status == 200)
      for client in idle + [other] { client.close() }
    }
  }

  @Test("Large bodies leave room to small ones", arguments: PollerBackend.allCases)
  func largeBodies(backend: PollerBackend) async throws {
    var configuration = HTTPConfiguration()
    configuration.bodyBytesMax = 1 << 20
    let large = 700 << 10
    try await ServerFixture.with(backend, configuration) { fixture in
      let holder = try fixture.connect()
      try holder.send("PUT /wait HTTP/1.1\r\nHost: h\r\nContent-Length: \(large)\r\n\r\n")
      try holder.send([UInt8](repeating: 1, count: large))
      await fixture.gate.awaitArrival()
      for (count, status) in [(200 << 10, 503), (60 << 10, 200)] {
        let client = try fixture.connect()
        try client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: \(count)\r\n\r\n")
        try client.send([UInt8](repeating: 2, count: count))
        #expect(try client.receive().status == status)
        client.close()
      }
      await fixture.gate.open()
      #expect(try holder.receive().status == 200)
      holder.close()
    }
  }

  @Test(
    "A client that reads an answer too slowly is disconnected", arguments: PollerBackend.allCases)
  func slowReader(backend: PollerBackend) async throws {
    // No machine is so fast, and a client that reads so little at a time is much slower.
    var configuration = Self.short(\.writeTimeout, milliseconds: 300)
    configuration.bytesPerSecondMin = 1 << 40
    let body = [UInt8](repeating: 1, count: 16 << 20)
    try await ServerFixture.with(backend, configuration) { fixture in
      let client = try fixture.connect()
      client.shrinkReceiveBuffer()
      let other = try fixture.connect()
      while fixture.state.connectionsOpen < 2 { await Task.yield() }
      try client.send(
        "PUT /large HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
      try client.send(body)
      var received = 0
      while fixture.state.connectionsOpen > 1, received < body.count {
        received += try client.receive(upTo: 1 << 10)
        // Gives the server a little time.
        try other.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(try other.receive().status == 200)
      }
      #expect(received < body.count)
      client.close()
      other.close()
    }
  }

  @Test("An idle connection is closed without an answer", arguments: PollerBackend.allCases)
  func idle(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend, Self.short(\.idleTimeout)) { fixture in
      let unused = try fixture.connect()
      #expect(try unused.isAtEnd())
      unused.close()
      let used = try fixture.connect()
      try used.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try used.receive().status == 200)
      #expect(try used.isAtEnd())
      used.close()
    }
  }

  @Test(
    "A client that does not read its answers is disconnected", arguments: PollerBackend.allCases)
  func unreadAnswers(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend, Self.short(\.writeTimeout)) { fixture in
      let client = try fixture.connect()
      client.shrinkReceiveBuffer()
      let body = [UInt8](repeating: 1, count: 2 << 20)
      // Sending fails once the server has closed the connection: the answers are never read.
      #expect(throws: Client.Failed.self) {
        for _ in 0..<64 {
          try client.send("PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
          try client.send(body)
        }
      }
      client.close()
    }
  }

  @Test(
    "A connection above the limit is answered 503, until one is closed",
    arguments: PollerBackend.allCases)
  func tooManyConnections(backend: PollerBackend) async throws {
    var configuration = HTTPConfiguration()
    configuration.connectionsMax = 2
    try await ServerFixture.with(backend, configuration) { fixture in
      let clients = try [fixture.connect(), fixture.connect()]
      for client in clients {
        try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(try client.receive().status == 200)
      }
      let refused = try fixture.connect()
      try refused.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try refused.receive().status == 503)
      #expect(try refused.isAtEnd())
      refused.close()
      // After `Connection: close` the server ends the connection, and another may take its place.
      try clients[0].send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
      #expect(try clients[0].receive().status == 200)
      clients[0].close()
      while fixture.state.connectionsOpen > 1 { await Task.yield() }
      let next = try fixture.connect()
      try next.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try next.receive().status == 200)
      next.close()
      clients[1].close()
    }
  }

  @Test(
    "Answers beyond the common limit are not kept for a client that does not read",
    arguments: PollerBackend.allCases)
  func tooManyAnswers(backend: PollerBackend) async throws {
    var configuration = HTTPConfiguration()
    configuration.answerBytesMax = 1 << 20
    // More than the kernel buffers for a client that does not read.
    let body = [UInt8](repeating: 1, count: 16 << 20)
    try await ServerFixture.with(backend, configuration) { fixture in
      let client = try fixture.connect()
      client.shrinkReceiveBuffer()
      try client.send("PUT /large HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
      try client.send(body)
      // The server closes before the client has read the answer: it gets only what was sent before.
      while fixture.state.connectionsOpen > 0 { await Task.yield() }
      let received = try? client.receive()
      #expect((received?.body.count ?? 0) < body.count)
      client.close()
    }
  }

  @Test("Bodies beyond the common bound are answered 503", arguments: PollerBackend.allCases)
  func tooManyBodies(backend: PollerBackend) async throws {
    var configuration = HTTPConfiguration()
    configuration.bodyBytesMax = 1_000
    try await ServerFixture.with(backend, configuration) { fixture in
      let holder = try fixture.connect()
      try holder.send("PUT /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n")
      try holder.send([UInt8](repeating: 1, count: 600))
      await fixture.gate.awaitArrival()
      let refused = try fixture.connect()
      try refused.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n")
      #expect(try refused.receive().status == 503)
      refused.close()
      await fixture.gate.open()
      #expect(try holder.receive().status == 200)
      holder.close()
    }
  }
}
