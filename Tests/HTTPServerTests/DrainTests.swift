import EventLoop
import HTTP
import Testing

/// How a server ends.
@Suite(.timeLimit(.minutes(1)))
struct DrainTests {
  private static let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

  @Test(
    "A request in flight finishes, and its connection then ends", arguments: PollerBackend.allCases)
  func inFlight(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let busy = try fixture.connect()
      try busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
      await fixture.gate.awaitArrival()
      let idle = try fixture.connect()
      try idle.send(Self.request)
      #expect(try idle.receive().status == 200)

      await fixture.server.drain()
      await fixture.server.endIdleConnections()
      #expect(try idle.isAtEnd())
      idle.close()
      // New connections are still answered meanwhile, and closed.
      let late = try fixture.connect()
      try late.send(Self.request)
      let answer = try late.receive()
      #expect(answer.status == 200)
      #expect(answer.fields["connection"] == "close")
      #expect(try late.isAtEnd())
      late.close()

      await fixture.gate.open()
      let last = try busy.receive()
      #expect(last.status == 200)
      #expect(last.fields["connection"] == "close")
      #expect(try busy.isAtEnd())
      busy.close()
      await fixture.server.drained()
    }
  }

  @Test(
    "A kept connection is answered once more after the drain has begun, and closed",
    arguments: PollerBackend.allCases)
  func keptConnection(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let kept = try fixture.connect()
      try kept.send(Self.request)
      #expect(try kept.receive().fields["connection"] != "close")
      await fixture.server.drain()
      try kept.send(Self.request)
      let answer = try kept.receive()
      #expect(answer.status == 200)
      #expect(answer.fields["connection"] == "close")
      #expect(try kept.isAtEnd())
      kept.close()
      await fixture.server.drained()
    }
  }

  @Test(
    "Without requests a drain ends at once, and then no connection is accepted",
    arguments: PollerBackend.allCases)
  func nothingInFlight(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let idle = try fixture.connect()
      try idle.send(Self.request)
      #expect(try idle.receive().status == 200)
      await fixture.server.drain()
      await fixture.server.endIdleConnections()
      #expect(try idle.isAtEnd())
      idle.close()
      await fixture.server.drained()
      await fixture.server.leave()
      while (try? fixture.connect().close()) != nil { await Task.yield() }
    }
  }

  @Test(
    "A request that had arrived before the drain is answered", arguments: PollerBackend.allCases)
  func arrivedBefore(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      for _ in 0..<20 {
        let client = try fixture.connect()
        try client.send(Self.request)
        #expect(try client.receive().status == 200)
        client.close()
      }
      let client = try fixture.connect()
      try client.send(Self.request + Self.request)
      #expect(try client.receive().status == 200)
      try client.send(Self.request)
      await fixture.server.drain()
      await fixture.server.endIdleConnections()
      #expect(try client.receive().status == 200)
      client.close()
    }
  }

  @Test("An abort ends everything at once", arguments: PollerBackend.allCases)
  func abort(backend: PollerBackend) async throws {
    try await ServerFixture.with(backend) { fixture in
      let stuck = try fixture.connect()
      try stuck.send(
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
      #expect(try stuck.receive().status == 100)
      await fixture.server.abort()
      #expect((try? stuck.isAtEnd()) != false)
      stuck.close()
    }
  }
}
