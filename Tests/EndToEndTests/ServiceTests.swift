import Foundation
import Testing

extension EndToEndTests {
  @Suite("Service")
  struct ServiceTests {
    @Test("Ten clients that never finish their requests do not stop others, and get a 408")
    func slowClients() throws {
      let server = try Server.running()
      let slow = try (0..<10).map { number in
        let connection = try server.connect()
        // Half of them stall in the head, half in the body.
        let request = "PUT /kv/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
        try connection.send(number % 2 == 0 ? request : request + "\r\n12345")
        return connection
      }
      let connection = try server.connect()
      for number in 0..<200 {
        let put = try connection.request("PUT", "/kv/quick", body: "\(number)")
        #expect(put.status == (number == 0 ? 201 : 200))
        #expect(try connection.request("GET", "/kv/quick").body == "\(number)")
      }
      for connection in slow {
        #expect(try connection.answer().status == 408)
        try connection.waitForEnd()
      }
      #expect(try server.request("GET", "/kv/slow").status == 404)
    }

    @Test("Two hundred pages of 8 MiB at once do not fill the memory")
    func largePages() throws {
      let server = try Server.running(settings: ["KV_ANSWER_BUFFER_BYTES": "64MiB"])
      let filling = try server.connect()
      let value = String(repeating: "v", count: 1_000_000)
      for number in 0..<8 {
        let put = try filling.request("PUT", "/kv/large/\(number)", body: value)
        #expect(put.status == 201)
      }
      let readers = try (0..<200).map { _ in try server.connect() }
      for reader in readers {
        try reader.send(
          "GET /kv?values=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      }
      // Other requests are served meanwhile.
      for _ in 0..<20 { #expect(try filling.request("GET", "/kv/none").status == 404) }
      let statuses = try readers.map { try $0.status() }
      #expect(statuses.contains(200))
      #expect(Set(statuses).isSubset(of: [200, 503]))
      // The bound, the answers made from it, and the process itself. Unbounded, it would take 2 GB.
      let peak = try #require(server.memoryPeak)
      #expect(peak < 500 << 20, "\(peak >> 20) MiB")
    }

    @Test("One connection more than KV_MAX_CONNECTIONS is answered 503 and closed")
    func connectionsMax() throws {
      let server = try Server.running(settings: ["KV_MAX_CONNECTIONS": "4", "KV_LOOPS": "1"])
      var open = try (0..<4).map { _ in try server.connect() }
      for connection in open {
        #expect(try connection.request("GET", "/health/live").status == 200)
      }
      let refused = try server.connect()
      let answer = try refused.answer()
      #expect(answer.status == 503)
      #expect(answer.fields["retry-after"] != nil)
      try refused.waitForEnd()
      // The open connections go on, and a place that becomes free is used again.
      #expect(try open[1].request("GET", "/health/live").status == 200)
      let leaving = open.removeFirst()
      try leaving.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      #expect(try leaving.answer().status == 200)
      try leaving.waitForEnd()
      #expect(try firstAdmitted(to: server))
    }

    /// The server frees a place a moment after the client has seen the end of its connection.
    private func firstAdmitted(to server: Server) throws -> Bool {
      let deadline = Date(timeIntervalSinceNow: patience)
      while Date() < deadline {
        if let answer = try? server.request("GET", "/health/live"), answer.status == 200 {
          return true
        }
      }
      return false
    }

    @Test("At debug, every request is one line of JSON; at info, none names a key")
    func log() throws {
      let server = try Server.running(settings: ["KV_LOG_LEVEL": "debug"])
      let connection = try server.connect()
      for number in 1...3 {
        let answer = try connection.request(
          "GET", "/kv/logged", fields: ["X-Request-Id": "end-to-end-\(number)"])
        #expect(answer.status == 404)
      }
      server.terminate()
      #expect(server.waitForExit() == 0)
      _ = try server.output.all()
      for line in server.output.lines {
        let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
        #expect(object is [String: Any], "not a JSON object: \(line)")
      }
      for number in 1...3 {
        #expect(server.output.lines.count { $0.contains("end-to-end-\(number)") } == 1)
      }
    }

    @Test("With KV_AUTH=local every address is served, to clients that ask for no foreign name")
    func localNames() throws {
      let server = try Server.running(settings: ["KV_LISTEN": "0.0.0.0:0", "KV_AUTH": "local"])
      #expect(try server.request("PUT", "/kv/a", body: "1").status == 201)
      for (host, status) in [("127.0.0.1:80", 200), ("evil.example", 403), ("kv-api:8080", 403)] {
        let connection = try server.connect()
        try connection.send("GET /kv/a HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(try connection.answer().status == status, "\(host)")
      }
    }

    @Test("A server whose log has no reader any more goes on serving, and ends in order")
    func brokenLog() throws {
      // Whoever runs the tests may ignore the signal, and processes inherit that.
      #if os(Linux)
        let prefix = ["--default-signal=PIPE"]
      #else
        let prefix: [String] = []
      #endif
      let server = try Server.running(settings: ["KV_LOG_LEVEL": "debug"], prefix: prefix)
      server.output.leave()
      // The first line makes the reader leave; each of the others goes to a closed pipe.
      #expect(try server.request("GET", "/kv/a").status == 404)
      _ = try server.output.all()
      for number in 1...20 {
        let answer = try server.request("PUT", "/kv/a", body: "\(number)")
        #expect(answer.status == (number == 1 ? 201 : 200))
      }
      server.terminate()
      #expect(server.waitForExit() == 0)
    }

    #if os(Linux)
      @Test("A core dump is impossible, unless it was asked for")
      func coreDumps() throws {
        // As much as is allowed here.
        let prefix = ["sh", "-c", "ulimit -S -c $(ulimit -H -c) && exec \"$0\" \"$@\""]
        let server = try Server.running(prefix: prefix)
        #expect(try coreLimits(of: server.processID) == ["1", "1"])
        let open = try Server.running(settings: ["KV_CORE_DUMPS": "enabled"], prefix: prefix)
        let hard = try coreLimits(of: ProcessInfo.processInfo.processIdentifier)[1]
        #expect(try coreLimits(of: open.processID) == [hard, hard])
      }

      /// The soft and the hard limit on the size of a core dump.
      private func coreLimits(of process: Int32) throws -> [String] {
        let text = try String(contentsOfFile: "/proc/\(process)/limits", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.contains("core file size") })
        return line.split(separator: " ").dropFirst(4).prefix(2).map { String($0) }
      }
    #endif

    @Test("Nothing that was stored is printed at the default log level")
    func quietLog() throws {
      let server = try Server.running()
      #expect(try server.request("PUT", "/kv/secret-name", body: "secret-value").status == 201)
      #expect(try server.request("PUT", "/kv/secret-name?tll=1", body: "a").status == 400)
      server.terminate()
      #expect(server.waitForExit() == 0)
      #expect(try !server.output.all().contains("secret-"))
    }

    @Test("A request sent again after a restart is answered as before, and changes nothing newer")
    func replay() throws {
      let named = ["Idempotency-Key": "once"]
      let batch = #"{"operations":[{"op":"put","key":"b","value":"1"}]}"#
      let server = try Server.running()
      #expect(try server.request("PUT", "/kv/a", body: "1", fields: named).status == 201)
      #expect(try server.request("PUT", "/kv/a", body: "2").status == 200)
      let twice = ["Idempotency-Key": "twice"]
      #expect(try server.request("POST", "/batch", body: batch, fields: twice).status == 200)
      #expect(try server.request("DELETE", "/kv/b").status == 204)
      server.terminate()
      #expect(server.waitForExit() == 0)
      let next = try Server.running(data: server.data)
      let replayed = try next.request("PUT", "/kv/a", body: "1", fields: named)
      #expect(replayed.status == 201 && replayed.fields["idempotency-replayed"] == "true")
      #expect(try next.request("GET", "/kv/a").body == "2")
      let again = try next.request("POST", "/batch", body: batch, fields: twice)
      #expect(again.status == 200 && again.fields["idempotency-replayed"] == "true")
      #expect(try next.request("GET", "/kv/b").status == 404)
      // A further one does not displace what is cached by then either.
      #expect(try next.request("PUT", "/kv/a", body: "1", fields: named).status == 201)
      #expect(try next.request("GET", "/kv/a").body == "2")
    }
  }
}
