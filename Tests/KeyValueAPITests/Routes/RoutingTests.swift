import HTTP
import Testing

@testable import KeyValueAPI

@Suite("A request finds its endpoint by path and method")
struct RoutingTests {
  private let server = Server(Backing())

  @Test(
    "A path that leads nowhere is a 404 with a problem document",
    arguments: [
      "/kvx", "/KV/a", "/%6bv/a", "/batch/", "/health/", "/health/x", "/operations", "/watch/",
      "/cache", "//", "/docs/", "/openapi.yaml", "/kv%2Fa",
    ])
  func unknownPaths(_ path: String) async throws {
    for method in ["GET", "PUT", "OPTIONS", "BREW"] {
      let answer = try await server.send("\(method) \(path)")
      #expect(answer.status == 404)
      #expect(answer.problem == "unknown-path")
    }
  }

  static let table: [(path: String, allow: String)] = [
    ("/kv/a", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    ("/kv", "GET, HEAD, PUT, DELETE, OPTIONS"),
    ("/batch", "POST, OPTIONS"), ("/operations/x", "GET, HEAD, OPTIONS"),
    ("/health", "GET, HEAD, OPTIONS"), ("/health/live", "GET, HEAD, OPTIONS"),
    ("/health/ready", "GET, HEAD, OPTIONS"), ("/cache/stats", "GET, HEAD, OPTIONS"),
    ("/whoami", "GET, HEAD, OPTIONS"),
    ("/metrics", "GET, HEAD, OPTIONS"), ("/openapi.json", "GET, HEAD, OPTIONS"),
    ("/docs", "GET, HEAD, OPTIONS"), ("/", "GET, HEAD, OPTIONS"),
  ]

  @Test(
    "A method that a path does not have is a 405 with Allow, any that it has is not",
    arguments: table)
  func methods(_ path: String, _ allow: String) async throws {
    let allowed = Set(allow.split(separator: ", ").map(String.init))
    for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"] {
      let answer = try await server.send("\(method) \(path)")
      #expect((answer.status == 405) == !allowed.contains(method), "\(method) \(path)")
      if answer.status == 405 {
        #expect(answer["Allow"] == allow)
        #expect(answer.problem == "method-not-allowed")
      }
    }
  }

  @Test("OPTIONS answers 204 with Allow", arguments: table)
  func options(_ path: String, _ allow: String) async throws {
    let answer = try await server.send("OPTIONS \(path)")
    #expect(answer.status == 204)
    #expect(answer["Allow"] == allow)
    #expect(answer.body.isEmpty)
  }

  @Test("OPTIONS * is about the server as a whole")
  func asterisk() async throws {
    let answer = try await server.send("OPTIONS *")
    #expect(answer.status == 204)
    #expect(answer["Allow"] == "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS")
  }

  @Test(
    "HEAD answers as GET does",
    arguments: [
      "/kv/a", "/kv/none", "/kv", "/kv?key=a", "/health", "/health/live", "/health/ready",
      "/cache/stats", "/whoami", "/metrics", "/openapi.json", "/docs", "/", "/kv?limit=0",
    ])
  func head(_ target: String) async throws {
    _ = try await server.send("PUT /kv/a", body: "value")
    _ = try await server.send("GET /kv/a")
    let get = try await server.send("GET \(target)")
    let head = try await server.send("HEAD \(target)")
    #expect(head.status == get.status)
    #expect(head.fields.map(\.name) == get.fields.map(\.name))
  }

  @Test(
    "A query parameter that an endpoint does not know is a 400 that names it",
    arguments: [
      ("PUT /kv/a?tll=60", "tll"), ("PUT /kv/a?TTL=60", "TTL"), ("PUT /kv/a?ttl=60&x=1", "x"),
      ("GET /kv/a?ttl=60", "ttl"), ("DELETE /kv/a?key=a", "key"), ("GET /kv?prefx=a", "prefx"),
      ("DELETE /kv?key=a&prefix=b", "key"), ("PUT /kv?key=a", "key"),
      ("POST /batch?atomic=1", "atomic"),
      ("GET /health?x=1", "x"), ("GET /operations/a?x=1", "x"), ("GET /metrics?a=1", "a"),
      ("GET /docs?a=1", "a"), ("GET /whoami?a=1", "a"), ("OPTIONS /kv/a?a=1", "a"),
      ("GET /kv?key=a&%6Bey=b", "key"),
      ("GET /kv?limit=1&limit=2", "limit"), ("PUT /kv/a?t%FF=1", "t\u{FFFD}"),
    ])
  func unknownParameters(_ line: String, _ name: String) async throws {
    let answer = try await server.send(line)
    #expect(answer.status == 400)
    #expect(answer.problem == "invalid-parameter")
    #expect(try answer.json["parameter"]?.string == name)
  }

  @Test(
    "A query that is not name=value pairs is a 400",
    arguments: [
      "GET /kv?limit", "GET /kv?=1", "GET /kv?limit=1&", "GET /kv?&limit=1", "GET /kv?limit=%1",
      "GET /kv?limit=%zz",
    ])
  func malformedQueries(_ line: String) async throws {
    #expect(try await server.send(line).problem == "invalid-parameter")
  }

  @Test("An empty query is no query")
  func emptyQuery() async throws {
    #expect(try await server.send("GET /health?").status == 200)
  }

  @Test("Whatever clients ask for, the labels of metrics are those of the route table")
  func labelsAreBounded() async throws {
    for number in 0..<300 {
      _ = try await server.send("GET /made/up/\(number)")
      _ = try await server.send("GET /kv/key\(number)")
    }
    #expect(Set(server.observer.lines.map(\.route)) == ["unknown", "/kv/{key}"])
    let labels = Route.all.map(\.template)
    #expect(Set(labels).count == labels.count)
  }

  @Test("What was answered is reported once, with its problem")
  func reports() async throws {
    _ = try await server.send("GET /kv/none")
    _ = try await server.send("PUT /kv/a?ttl=0", body: "refused early")
    _ = try await server.send("PUT /kv/a", body: "x")
    let lines = server.observer.lines
    #expect(lines.map(\.status) == [404, 400, 201])
    #expect(lines.map(\.problem) == [.keyNotFound, .invalidParameter, nil])
  }
}
