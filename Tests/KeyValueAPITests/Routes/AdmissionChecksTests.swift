import Testing

@testable import KeyValueAPI

@Suite("No field that changes what a request means is ignored")
struct WrittenContentTests {
  private let server = Server(Backing())
  private static let document = #"{"data":{"key":"a","value":"new"}}"#
  private static let batch = #"{"operations":[{"op":"put","key":"a","value":"new"}]}"#
  private static let writes = [
    ("PUT /kv/a", "new"), ("PUT /kv", document), ("POST /batch", batch),
  ]

  @Test("A part is not taken for the whole")
  func range() async throws {
    _ = try await server.send("PUT /kv/a", body: "old")
    for (line, body) in Self.writes {
      let answer = try await server.send(line, [("Content-Range", "bytes 6-8/9")], body: body)
      #expect(answer.status == 400, "\(line)")
      #expect(answer.problem == "invalid-header")
      #expect(try answer.json["header"]?.string == "Content-Range")
      #expect(answer.isRefusedEarly)
    }
    #expect(try await server.send("GET /kv/a").text == "old")
  }

  @Test(
    "Content in a coding is not stored as if it had none", arguments: ["gzip", "br, gzip", "x"])
  func coding(_ coding: String) async throws {
    _ = try await server.send("PUT /kv/a", body: "old")
    for (line, body) in Self.writes {
      let answer = try await server.send(line, [("content-encoding", coding)], body: body)
      #expect(answer.status == 415, "\(line)")
      #expect(answer["Accept-Encoding"] == "identity")
      #expect(answer.isRefusedEarly)
    }
    #expect(try await server.send("GET /kv/a").text == "old")
    let plain = [("Content-Encoding", "Identity")]
    #expect(try await server.send("PUT /kv/a", plain, body: "new").status == 200)
  }

  private static let past = "Sun, 06 Nov 1994 08:49:37 GMT"

  @Test("If-Unmodified-Since protects a newer value from writes")
  func unmodifiedSince() async throws {
    let first = try await server.send("PUT /kv/a", body: "old")
    for line in ["PUT /kv/a", "PUT /kv", "DELETE /kv/a", "DELETE /kv?key=a", "GET /kv/a"] {
      let body = line == "PUT /kv" ? Self.document : line.hasPrefix("PUT") ? "new" : ""
      let answer = try await server.send(line, [("If-Unmodified-Since", Self.past)], body: body)
      #expect(answer.status == 412, "\(line)")
      #expect(answer["ETag"] == first["ETag"])
    }
    #expect(try await server.send("GET /kv/a").text == "old")
  }

  @Test("What has not been changed since is written, and what never was")
  func unmodified() async throws {
    let fields = [("If-Unmodified-Since", Self.past)]
    #expect(try await server.send("DELETE /kv/a", fields).status == 404)
    #expect(try await server.send("PUT /kv/a", fields, body: "1").status == 201)
    let date = try #require(try await server.send("GET /kv/a")["Last-Modified"])
    let since = [("If-Unmodified-Since", date)]
    #expect(try await server.send("GET /kv/a", since).status == 200)
    #expect(try await server.send("PUT /kv/a", since, body: "2").status == 200)
    // If-Match says more, and goes before it.
    let both = fields + [("If-Match", "*")]
    #expect(try await server.send("PUT /kv/a", both, body: "3").status == 200)
    let later = [("If-Unmodified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")]
    #expect(try await server.send("DELETE /kv/a", later).status == 204)
  }

  @Test("A malformed date never lets a write through", arguments: ["yesterday", "", "1994"])
  func malformed(date: String) async throws {
    for (line, body) in Self.writes.dropLast() {
      let answer = try await server.send(line, [("If-Unmodified-Since", date)], body: body)
      #expect(answer.status == 400, "\(line)")
    }
    #expect(try await server.send("GET /kv/a").status == 404)
  }

  @Test("A request that has an idempotency key is replayed, not tested again")
  func idempotent() async throws {
    _ = try await server.send("PUT /kv/a", body: "1")
    let date = try #require(try await server.send("GET /kv/a")["Last-Modified"])
    let fields = [("If-Unmodified-Since", date), ("Idempotency-Key", "k")]
    let first = try await server.send("PUT /kv/a", fields, body: "2")
    #expect(first.status == 200)
    server.backing.clock.advance(seconds: 5)
    _ = try await server.send("PUT /kv/a", body: "3")
    let replayed = try await server.send("PUT /kv/a", fields, body: "2")
    #expect(replayed.status == 200)
    #expect(replayed["ETag"] == first["ETag"])
    #expect(replayed["Idempotency-Replayed"] == "true")
    let other = [("If-Unmodified-Since", Self.past), ("Idempotency-Key", "k")]
    #expect(try await server.send("PUT /kv/a", other, body: "2").status == 422)
  }
}

@Suite("Without tokens, pages of other sites can't write")
struct CrossSiteTests {
  private let server = Server(Backing())
  private static let batch = #"{"operations":[{"op":"put","key":"a","value":"v"}]}"#

  static let foreign: [[(String, String)]] = [
    [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
    [("Origin", "https://example.org")], [("Origin", "null")], [("Origin", "localhost")],
    [("Origin", "http://localhost:1")],
  ]

  @Test("A write that another site's page sends is refused", arguments: foreign.indices)
  func refused(index: Int) async throws {
    let answer = try await server.send("POST /batch", Self.foreign[index], body: Self.batch)
    #expect(answer.status == 403)
    #expect(try await server.send("GET /kv/a").status == 404)
    for line in ["PUT /kv/a", "DELETE /kv/a", "DELETE /kv?key=a"] {
      #expect(try await server.send(line, Self.foreign[index]).status == 403, "\(line)")
    }
  }

  @Test("The server's own pages, users and programs may write")
  func allowed() async throws {
    let own: [[(String, String)]] = [
      [], [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")],
      [("Origin", "http://localhost")], [("Origin", "HTTP://LOCALHOST")],
    ]
    for fields in own {
      #expect(try await server.send("POST /batch", fields, body: Self.batch).status == 200)
    }
  }

  @Test("Pages of other sites may read")
  func reading() async throws {
    for fields in Self.foreign {
      #expect(try await server.send("GET /health/live", fields).status == 200)
      #expect(try await server.send("GET /kv/a", fields).status == 404)
    }
  }
}

@Suite("Without tokens, a server of this machine answers to its own names only")
struct LocalHostTests {
  private let server = Server(Backing(), isLocalOnly: true)

  static let foreign = [
    "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example:80",
    "xlocalhost", "localhos", "localhost.", "a.localhost", "127.0.0.1x", "1e100.net", "0x7f.1",
    "", ":8080", "local%68ost",
  ]

  @Test("A foreign name is refused, whatever the request asks for", arguments: foreign)
  func refused(host: String) async throws {
    for line in [
      "GET /kv/a", "PUT /kv/a", "GET /kv?prefix=", "GET /health/ready", "GET /metrics", "GET /",
      "OPTIONS /kv/a", "GET /nowhere", "GET /openapi.json",
    ] {
      let answer = try await server.send(line, host: host)
      #expect(answer.status == 403, "\(line)")
      #expect(answer.problem == "foreign-host")
    }
    // Before the body is read.
    let answer = try await server.send("PUT /kv/a", body: "x", host: host)
    #expect(answer.isRefusedEarly)
    #expect(try await server.send("GET /kv/a").status == 404)
  }

  @Test(
    "localhost and addresses are answered",
    arguments: [
      "localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[::1]",
      "192.168.0.7",
    ])
  func answered(host: String) async throws {
    #expect(try await server.send("GET /kv/a", host: host).status == 404)
    #expect(try await server.send("GET /health/ready", host: host).status == 200)
  }

  @Test("A server with tokens, or one that is meant to be open, answers to any name")
  func anyName() async throws {
    let open = Server(Backing())
    #expect(try await open.send("GET /kv/a", host: "kv.example").status == 404)
  }
}
