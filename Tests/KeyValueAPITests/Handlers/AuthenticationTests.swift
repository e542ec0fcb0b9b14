import Testing

@testable import KeyValueAPI

@Suite("A token opens its scope and its prefix, nothing else")
struct AuthenticationTests {
  private let server = Server(Backing(), authentication: Tokens())

  /// Takes `Bearer name` as the token of the principal of that name.
  private struct Tokens: Authenticating {
    let isRequired = true
    let keyPrefixes = [[], Array("team/".utf8), Array("team/a/".utf8)]

    func principal(authorization: ArraySlice<UInt8>) -> Principal? {
      let parts = String(decoding: authorization, as: UTF8.self).split(separator: " ")
      guard parts.count == 2, parts[0] == "Bearer" else { return nil }
      let prefix = Array("team/".utf8)
      return switch parts[1] {
      case "reader": Principal(name: "reader", scopes: [.read], keyPrefix: [])
      case "writer": Principal(name: "writer", scopes: [.write], keyPrefix: [])
      case "admin": Principal(name: "admin", scopes: [.admin], keyPrefix: [])
      case "team": Principal(name: "team", scopes: [.read, .write], keyPrefix: prefix)
      case "mate": Principal(name: "mate", scopes: [.read], keyPrefix: prefix)
      case "part":
        Principal(name: "part", scopes: [.read, .write], keyPrefix: prefix + Array("a/".utf8))
      case "rival":
        Principal(name: "rival", scopes: [.read, .write], keyPrefix: Array("rival/".utf8))
      case "other": Principal(name: "other", scopes: [.read, .write], keyPrefix: [])
      default: nil
      }
    }
  }

  private func send(
    _ line: String, as name: String?, body: String = "", _ fields: [(String, String)] = []
  ) async throws -> Answer {
    let token = name.map { [("Authorization", "Bearer \($0)")] } ?? []
    return try await server.send(line, token + fields, body: body)
  }

  private static let document = #"{"data":{"key":"a","value":"v"}}"#

  static let endpoints: [(line: String, body: String, allowed: Set<String>)] = [
    ("GET /kv/a", "", ["reader"]), ("HEAD /kv/a", "", ["reader"]), ("PUT /kv/a", "v", ["writer"]),
    ("PATCH /kv/a", "{}", ["writer"]), ("DELETE /kv/a", "", ["writer"]),
    ("GET /kv", "", ["reader"]),
    ("GET /kv?count=true", "", ["reader"]), ("DELETE /kv?prefix=a", "", ["writer"]),
    ("GET /kv?key=a", "", ["reader"]),
    ("PUT /kv", document, ["writer"]), ("DELETE /kv?key=a", "", ["writer"]),
    ("GET /operations/a", "", ["reader"]), ("GET /cache/stats", "", ["admin"]),
    ("GET /metrics", "", ["admin"]),
    ("POST /batch", #"{"operations":[]}"#, ["reader", "writer", "admin"]),
    ("GET /openapi.json", "", ["reader", "writer", "admin"]),
    ("GET /docs", "", ["reader", "writer", "admin"]),
    ("GET /whoami", "", ["reader", "writer", "admin"]),
  ]

  @Test("Every endpoint wants a token, and one of its scope", arguments: endpoints)
  func scopes(_ line: String, _ body: String, _ allowed: Set<String>) async throws {
    let anonymous = try await send(line, as: nil, body: body)
    #expect(anonymous.status == 401)
    #expect(anonymous.problem == "unauthorized")
    #expect(anonymous["WWW-Authenticate"] == "Bearer realm=\"kv\"")
    #expect(anonymous.isRefusedEarly == !body.isEmpty)
    let unknown = try await send(line, as: "nobody", body: body)
    #expect(unknown.status == 401)
    #expect(unknown["WWW-Authenticate"] == "Bearer realm=\"kv\", error=\"invalid_token\"")
    for name in ["reader", "writer", "admin"] {
      let answer = try await send(line, as: name, body: body)
      #expect((answer.status == 403) == !allowed.contains(name), "\(name)")
      if answer.status == 403 { #expect(answer.problem == "forbidden") }
    }
  }

  @Test(
    "Health, the console and OPTIONS want no token",
    arguments: [
      "GET /", "HEAD /", "GET /health", "GET /health/live", "GET /health/ready", "OPTIONS /kv/a",
      "OPTIONS *",
    ])
  func open(_ line: String) async throws {
    #expect(try await send(line, as: nil).status < 300)
  }

  @Test("A token's owner can ask what it allows")
  func whoami() async throws {
    for (name, expected) in [
      ("reader", #"{"name":"reader","scopes":["read"],"prefix":""}"#),
      ("team", #"{"name":"team","scopes":["read","write"],"prefix":"team/"}"#),
      ("admin", #"{"name":"admin","scopes":["admin"],"prefix":""}"#),
    ] {
      let answer = try await send("GET /whoami", as: name)
      #expect(answer.text == expected)
      #expect(answer["Cache-Control"] == "no-store")
    }
    let open = try await Server(Backing()).send("GET /whoami")
    #expect(open.text == #"{"name":null,"scopes":["read","write","admin"],"prefix":""}"#)
  }

  @Test("A prefix bounds keys everywhere")
  func prefixes() async throws {
    #expect(try await send("PUT /kv/team/a", as: "team", body: "x").status == 201)
    #expect(try await send("GET /kv/team/a", as: "team").text == "x")
    #expect(try await send("GET /kv/team%2Fa", as: "team").text == "x")
    for line in [
      "GET /kv/other", "PUT /kv/team", "PUT /kv/teams/a", "PATCH /kv/other", "DELETE /kv/Team/a",
      "GET /kv?key=other",
      "DELETE /kv?key=other", "GET /kv", "GET /kv?prefix=", "GET /kv?prefix=tea",
      "GET /kv?prefix=other", "GET /kv?count=true", "GET /kv?count=true&prefix=tea",
      "GET /kv?prefix=tea&delimiter=/", "GET /kv?prefix=tea&reverse=true", "DELETE /kv?prefix=tea",
      "DELETE /kv?prefix=other",
    ] {
      let answer = try await send(line, as: "team")
      #expect(answer.status == 403, "\(line)")
    }
    #expect(try await send("PUT /kv", as: "team", body: Self.document).status == 403)
    for line in [
      "GET /kv?prefix=team/", "GET /kv?prefix=team/a", "GET /kv?key=team/a",
      "GET /kv?prefix=team/&delimiter=/", "GET /kv?prefix=team/&count=true",
      "DELETE /kv?prefix=team/",
    ] {
      #expect(try await send(line, as: "team").status == 200, "\(line)")
    }
  }

  @Test("A cursor does not lead out of the prefix")
  func cursors() async throws {
    _ = try await send("PUT /kv/zebra", as: "writer", body: "x")
    for place in ["cursor=161", "cursor=37e&reverse=true"] {
      let answer = try await send("GET /kv?prefix=team/&\(place)", as: "team")
      #expect(try answer.json["items"]?.count == 0)
    }
  }

  @Test("Each operation of a batch needs what it would need alone")
  func batches() async throws {
    let body = """
      {"operations":[{"op":"put","key":"team/a","value":"x"},{"op":"get","key":"team/a"},
      {"op":"put","key":"b","value":"x"},{"op":"get","key":"b"},{"op":"delete","key":"b"}]}
      """
    func statuses(_ name: String) async throws -> [Int64?] {
      try await send("POST /batch", as: name, body: body).json["results"]?.elements.map {
        $0["status"]?.integer
      } ?? []
    }
    #expect(try await statuses("team") == [201, 200, 403, 403, 403])
    #expect(try await statuses("reader") == [403, 200, 403, 404, 403])
    #expect(try await statuses("writer") == [200, 403, 201, 403, 204])
    #expect(try await statuses("admin") == [403, 403, 403, 403, 403])
    let atomic = body.replacing("{\"operations\"", with: "{\"atomic\":true,\"operations\"")
    let refused = try await send("POST /batch", as: "team", body: atomic)
    #expect(refused.status == 403)
    #expect(try refused.json["index"]?.integer == 2)
  }

  @Test(
    "An operation belongs to the prefix of its token, queued and applied",
    arguments: [true, false])
  func operations(isQueued: Bool) async throws {
    if isQueued { server.backing.queue.follow(.keeps) }
    let document = #"{"data":{"key":"team/a/b","value":"v"}}"#
    for (line, body, name) in [
      ("PUT /kv", document, "team"), ("PUT /kv", document, "part"), ("PUT /kv", document, "other"),
      ("DELETE /kv?key=team/a/b", "", "team"),
    ] {
      let answer = try await send(line, as: name, body: body)
      let place = try #require(answer["Location"])
      func seen() async throws -> [String] {
        var seen: [String] = []
        for reader in ["team", "mate", "part", "other", "reader", "rival"] {
          let answer = try await send("GET \(place)", as: reader)
          if answer.status == 200 {
            seen.append(reader)
          } else {
            #expect(answer.problem == "operation-not-found")
          }
        }
        return seen
      }
      let expected = [
        "team": ["team", "mate", "other", "reader"],
        "part": ["team", "mate", "part", "other", "reader"], "other": ["other", "reader"],
      ]
      #expect(try await seen() == expected[name], "\(line) by \(name)")
      if isQueued {
        try await server.backing.queue.applyKept()
        #expect(try await seen() == expected[name], "\(line) by \(name), applied")
      }
    }
  }

  @Test("Who waits for an operation of theirs gets its outcome")
  func waiting() async throws {
    let queue = server.backing.queue
    queue.follow(.keeps)
    server.backing.pauses.during { _ in try? await queue.applyKept() }
    let prefer = [("Prefer", "respond-async, wait=5")]
    #expect(try await send("PUT /kv/team/a", as: "team", body: "x", prefer).status == 201)
  }

  @Test("An idempotency key belongs to its sender")
  func idempotencyKeys() async throws {
    let key = [("Idempotency-Key", "one")]
    #expect(try await send("PUT /kv/team/a", as: "team", body: "x", key).status == 201)
    let other = try await send("PUT /kv/b", as: "other", body: "y", key)
    #expect(other.status == 201)
    #expect(other["Idempotency-Replayed"] == nil)
  }

  @Test("An unknown path and a wrong method are reported without a token")
  func beforeAuthentication() async throws {
    #expect(try await send("GET /nowhere", as: nil).status == 404)
    #expect(try await send("POST /kv/a", as: nil).status == 405)
  }
}
