import Foundation
import Testing

extension EndToEndTests {
  @Suite("Watching")
  struct WatchTests {
    @Test(
      "Every change is an event, with its value if that is asked for, and expiries come in time")
    func kinds() throws {
      let server = try Server.running()
      let all = try server.watch("values=true")
      let some = try server.watch("prefix=b/")
      #expect(all.answer.fields["content-type"] == "text/event-stream")
      #expect(all.answer.fields["cache-control"] == "no-store")
      #expect(all.answer.fields["x-accel-buffering"] == "no")
      #expect(try server.request("PUT", "/kv/a", body: "1").status == 201)
      #expect(try server.request("PUT", "/kv/b/%22%25%0", body: "1").status == 400)
      #expect(try server.request("PUT", "/kv/b/%22%25%C3%A9", body: "2").status == 201)
      #expect(try server.request("DELETE", "/kv/a").status == 204)
      #expect(try server.request("PUT", "/kv/b/short?ttl=1", body: "3").status == 201)
      let start = Date()
      let events = try all.events(5)
      #expect(events.map(\.name) == ["put", "put", "delete", "put", "expire"])
      #expect(events.map(\.key) == ["a", "b/\"%é", "a", "b/short", "b/short"])
      #expect(events.map { $0.data["value"] as? String } == ["1", "2", nil, "3", nil])
      #expect(events[2].data.count == 2 && events[4].data.count == 2)
      #expect(Date().timeIntervalSince(start) < 11)
      let seen = try some.events(3)
      #expect(seen.map(\.id) == [1, 3, 4].map { events[$0].id })
      #expect(seen[0].data["value"] == nil)
    }

    @Test("A watcher resumes after any position, and its client misses nothing")
    func resuming() throws {
      let server = try Server.running()
      let first = try server.watch()
      let writer = try server.connect()
      for number in 0..<50 {
        #expect(try writer.request("PUT", "/kv/k\(number)", body: "1").status == 201)
      }
      let events = try first.events(50)
      #expect(events.map(\.key) == (0..<50).map { "k\($0)" })
      for (position, rest) in [(first.start, 50), (events[0].id, 49), (events[48].id, 1)] {
        let byField = try server.watch(fields: ["Last-Event-ID": position])
        #expect(byField.start == position)
        #expect(try byField.events(rest).map(\.id) == events.suffix(rest).map(\.id))
        // A browser repeats the URL of its first connection.
        let both = try server.watch("after=1.0", fields: ["Last-Event-ID": position])
        #expect(try both.events(rest).map(\.id) == events.suffix(rest).map(\.id))
        let byParameter = try server.watch("after=\(position)&prefix=k4")
        #expect(try byParameter.events(1)[0].key.hasPrefix("k4"))
      }
      server.terminate()
      #expect(server.waitForExit() == 0)
      let restarted = try Server.running(data: server.data)
      #expect(try restarted.request("PUT", "/kv/k", body: "1").status == 201)
      for position in [first.start, events[10].id, events[49].id] {
        #expect(try restarted.request("GET", "/watch?after=\(position)").status == 410)
      }
    }

    @Test("What is no position is refused")
    func refused() throws {
      let server = try Server.running()
      for query in ["after=", "after=1", "after=1.", "after=x", "prefix=%FF", "values=1", "tail=1"]
      {
        #expect(try server.request("GET", "/watch?\(query)").status == 400, "\(query)")
      }
      for field in ["", "1", "-1.0", "1.0, 2.0"] {
        let answer = try server.request("GET", "/watch", fields: ["Last-Event-ID": field])
        #expect(answer.status == 400 && answer.body.contains("Last-Event-ID"), "\(field)")
      }
      for position in ["0.0", "1.0", "9223372036854775807.9223372036854775807"] {
        #expect(try server.request("GET", "/watch?after=\(position)").status == 410)
        #expect(try server.request("HEAD", "/watch?after=\(position)").status == 410)
      }
      #expect(try server.request("HEAD", "/watch").status == 200)
      #expect(try server.request("POST", "/watch").status == 405)
      // A body means nothing here.
      let connection = try server.connect()
      #expect(try connection.request("HEAD", "/watch", body: "body").status == 200)
    }

    @Test("One watcher more than KV_MAX_WATCHERS is answered 503, until a place is free")
    func places() throws {
      let server = try Server.running(settings: ["KV_MAX_WATCHERS": "2"])
      var watchers = [try server.watch(), try server.watch()]
      let refused = try server.request("GET", "/watch")
      #expect(refused.status == 503 && refused.fields["retry-after"] != nil)
      #expect(try server.request("HEAD", "/watch").status == 503)
      watchers.removeLast()
      try eventually { try server.request("HEAD", "/watch").status == 200 }
      _ = try server.watch()
      withExtendedLifetime(watchers) {}
    }

    @Test("A thousand watchers that leave at once, in every state, leave nothing behind")
    func abruptEnds() throws {
      let server = try Server.running()
      let staying = try server.watch()
      let before = try descriptors(of: server)
      for round in 0..<20 {
        var watchers = try (0..<50).map { number in
          let connection = try server.connect()
          try connection.send(
            "GET /watch?prefix=\(number % 3)\(number % 2 == 0 ? "" : "&values=true") HTTP/1.1\r\n"
              + "Host: localhost\r\n\r\n")
          return connection
        }
        if round % 2 == 0 { for watcher in watchers { _ = try watcher.answer(hasBody: false) } }
        #expect(try server.request("PUT", "/kv/\(round)", body: "1").status == 201)
        if round % 3 == 0 { for watcher in watchers { watcher.reset() } }
        watchers = []
      }
      #expect(try staying.events(20).map(\.key) == (0..<20).map { "\($0)" })
      try eventually { try server.metric("kv_watchers") == 1 }
      try eventually { try descriptors(of: server) <= before + 1 }
      #expect(try server.metric("kv_watch_bytes_held") == 0)
    }

    private func descriptors(of server: Server) throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(server.processID)/fd").count
    }

    @Test("A client that does not read is ended; it slows nobody, and the memory stays bounded")
    func slowReader() throws {
      let server = try Server.running(settings: ["KV_WRITE_TIMEOUT": "2"])
      let slow = try (0..<20).map { _ in try server.watch("values=true") }
      let other = try server.watch()
      let writer = try server.connect()
      let value = String(repeating: "v", count: 500_000)
      for number in 0..<100 {
        #expect(try writer.request("PUT", "/kv/\(number)", body: value).status == 201)
      }
      #expect(try other.events(100).map(\.key) == (0..<100).map { "\($0)" })
      try eventually { try server.metric(#"kv_watch_ended_total{reason="slow"}"#) == 20 }
      #expect(try server.metric("kv_watchers") == 1)
      let peak = try #require(server.memoryPeak)
      #expect(peak < 600 << 20, "\(peak >> 20) MiB")
      withExtendedLifetime(slow) {}
    }

    @Test("Streams end with the server, and their clients can tell")
    func drain() throws {
      let server = try Server.running()
      let watchers = try (0..<5).map { _ in try server.watch() }
      #expect(try server.request("PUT", "/kv/a", body: "1").status == 201)
      let start = Date()
      server.terminate()
      for watcher in watchers {
        #expect(try watcher.events(1).map(\.key) == ["a"])
        try watcher.awaitEnd()
      }
      #expect(server.waitForExit() == 0)
      #expect(Date().timeIntervalSince(start) < 15)
    }

    @Test("A watcher sees its token's prefix only, and as long as the token is known")
    func tokens() throws {
      let file = try TemporaryFolder.make().appending(path: "tokens")
      try writeTokens("all read,write,admin *\nteam read team/\nwriter write *", to: file)
      let server = try Server.running(settings: ["KV_TOKENS_FILE": file.path])
      func fields(_ token: String) -> [String: String] { ["Authorization": "Bearer \(token)"] }
      #expect(try server.request("GET", "/watch").status == 401)
      for (token, query) in [("team", ""), ("team", "?prefix=tea"), ("writer", "")] {
        let answer = try server.request("GET", "/watch\(query)", fields: fields(token))
        #expect(answer.status == 403)
      }
      let team = try server.watch("prefix=team/a", fields: fields("team"))
      let all = try server.watch(fields: fields("all"))
      for key in ["other", "team/b", "team/a/1"] {
        let put = try server.request("PUT", "/kv/\(key)", body: "1", fields: fields("all"))
        #expect(put.status == 201)
      }
      #expect(try team.events(1).map(\.key) == ["team/a/1"])
      #expect(try all.events(3).count == 3)
      // The prefix becomes narrower, then the token goes.
      try writeTokens("all read,write,admin *\nteam read team/b", to: file)
      server.readTokens()
      try team.awaitEnd()
      let narrow = try server.watch("prefix=team/b", fields: fields("team"))
      try writeTokens("all read,write,admin *", to: file)
      server.readTokens()
      try narrow.awaitEnd()
      let put = try server.request("PUT", "/kv/team/b", body: "1", fields: fields("all"))
      #expect(put.status == 200)
      #expect(try all.events(1).map(\.key) == ["team/b"])
      let ended = #"kv_watch_ended_total{reason="token"}"#
      #expect(try server.metric(ended, fields: fields("all")) == 2)
    }
  }
}
