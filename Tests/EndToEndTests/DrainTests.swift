import Foundation
import Testing

extension EndToEndTests {
  @Suite("SIGTERM")
  struct DrainTests {
    /// A request whose head the server has read, and whose body it waits for.
    private func requestInFlight(on server: Server) throws -> Connection {
      let connection = try server.connect()
      try connection.send(
        "PUT /kv/late HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
          + "Expect: 100-continue\r\n\r\n")
      #expect(try connection.answer().status == 100)
      return connection
    }

    @Test("A request in flight is finished, readiness turns 503, and the exit code is 0")
    func drain() throws {
      let server = try Server.running(settings: ["KV_DRAIN_SECONDS": "20"])
      let connection = try requestInFlight(on: server)
      server.terminate()
      let answer = try statusOnceDraining(server)
      #expect(answer.status == 503)
      #expect(answer.fields["connection"] == "close")
      try connection.send("value")
      let put = try connection.answer()
      #expect(put.status == 201)
      #expect(put.fields["connection"] == "close")
      try connection.waitForEnd()
      #expect(server.waitForExit() == 0)
      let restarted = try Server.running(data: server.data)
      #expect(try restarted.request("GET", "/kv/late").body == "value")
    }

    /// Polls readiness until it is no longer 200: the signal takes a moment to arrive.
    private func statusOnceDraining(_ server: Server) throws -> Answer {
      let deadline = Date(timeIntervalSinceNow: patience)
      while Date() < deadline {
        let answer = try server.request("GET", "/health/ready")
        if answer.status != 200 { return answer }
      }
      throw TestFailure("the server still says that it is ready")
    }

    @Test("A request that does not end holds the process no longer than KV_DRAIN_SECONDS")
    func deadline() throws {
      let server = try Server.running(settings: ["KV_DRAIN_SECONDS": "1"])
      let connection = try requestInFlight(on: server)
      let start = Date()
      server.terminate()
      try connection.waitForEnd()
      #expect(server.waitForExit() == 0)
      // The server would give up a stalled body only after ten seconds.
      #expect(Date().timeIntervalSince(start) < 9)
    }

    @Test("Idle keep-alive connections do not delay the end")
    func idle() throws {
      let server = try Server.running(settings: ["KV_DRAIN_SECONDS": "20"])
      let idle = try (0..<10).map { _ in try server.connect() }
      for connection in idle {
        #expect(try connection.request("GET", "/health/live").status == 200)
      }
      let start = Date()
      server.terminate()
      for connection in idle { try connection.waitForEnd() }
      #expect(server.waitForExit() == 0)
      #expect(Date().timeIntervalSince(start) < 15)
    }
  }
}
