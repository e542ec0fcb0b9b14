import HTTP
import Testing

@testable import KeyValueAPI

@Suite("Pages of listed origins may use the API, others not")
struct CrossOriginTests {
  private static let page = "https://app.example.com"
  private let server: Server

  init() throws {
    server = Server(
      Backing(), crossOrigin: try CrossOrigin(parsing: "\(Self.page), http://localhost:3000"))
  }

  /// Asks from a page of `origin`.
  private func send(
    _ line: String, from origin: String, _ fields: [(String, String)] = [], body: String = ""
  ) async throws -> Answer {
    try await server.send(
      line, [("Origin", origin), ("Sec-Fetch-Site", "cross-site")] + fields, body: body)
  }

  // MARK: Answers

  @Test(
    "An answer names the origin that may read it, and what of it",
    arguments: [
      "PUT /kv/a", "GET /kv/a", "GET /kv/none", "GET /kv?prefx=", "GET /nowhere", "POST /kv/a",
      "GET /health", "GET /docs", "GET /",
    ])
  func shared(_ line: String) async throws {
    for origin in [Self.page, "http://localhost:3000"] {
      let answer = try await send(line, from: origin, body: line.hasPrefix("P") ? "x" : "")
      #expect(answer["Access-Control-Allow-Origin"] == origin)
      #expect(answer["Access-Control-Expose-Headers"] == "\(CrossOrigin.answerFields)")
      #expect(answer["Vary"] == "Origin")
      #expect(answer["Access-Control-Allow-Credentials"] == nil)
      #expect(answer["Access-Control-Allow-Methods"] == nil)
    }
  }

  @Test(
    "No other origin may read an answer",
    arguments: [
      "https://app.example.com:8443", "http://app.example.com", "https://app.example.co",
      "https://app.example.com.evil.example", "https://APP.example.com", "null", "",
      "http://localhost", "http://127.0.0.1:3000",
    ])
  func hidden(_ origin: String) async throws {
    for line in ["GET /kv/none", "OPTIONS /kv/a"] {
      let answer = try await send(line, from: origin, [("Access-Control-Request-Method", "GET")])
      #expect(!answer.fields.contains { $0.name.hasPrefix("Access-Control-") })
      #expect(answer["Vary"] == "Origin")
    }
    #expect(try await send("PUT /kv/a", from: origin, body: "x").problem == "cross-site")
    #expect(try await server.send("GET /kv/a").status == 404)
  }

  @Test("A program that is no page gets no field of this")
  func programs() async throws {
    for answer in [try await server.send("GET /health"), try await server.send("GET /kv/none")] {
      let names = answer.fields.map(\.name)
      #expect(!names.contains { $0.hasPrefix("Access-Control-") || $0 == "Vary" })
    }
  }

  @Test("By default no page of another origin may use the API")
  func none() async throws {
    let server = Server(Backing())
    let fields = [("Origin", Self.page), ("Access-Control-Request-Method", "PUT")]
    for line in ["GET /kv/none", "OPTIONS /kv/a"] {
      let answer = try await server.send(line, fields)
      #expect(!answer.fields.contains { $0.name.hasPrefix("Access-Control-") })
    }
    #expect(try await server.send("PUT /kv/a", fields, body: "x").problem == "cross-site")
  }

  @Test("A listed page may write where no token is needed")
  func writes() async throws {
    #expect(try await send("PUT /kv/a", from: Self.page, body: "x").status == 201)
    #expect(try await send("GET /kv/a", from: Self.page).text == "x")
  }

  @Test("A page can read that it lacks a token, that a body is too large, and what HTTP refuses")
  func refusals() async throws {
    let strict = Server(
      Backing(), authentication: NobodyKnown(), crossOrigin: try CrossOrigin(parsing: Self.page),
      isCrowded: true)
    let origin = [("Origin", Self.page)]
    let unauthorized = try await strict.send("GET /kv/a", origin)
    #expect(unauthorized.status == 401)
    #expect(unauthorized["Access-Control-Allow-Origin"] == Self.page)
    let large = try await server.send(
      "PUT /kv/a", origin, bytes: Array(repeating: 0, count: 2 << 20))
    #expect(large.status == 413)
    #expect(large["Access-Control-Allow-Origin"] == Self.page)
    let malformed = try await server.send("GET /kv/a", origin + [("Expect", "more")])
    #expect(malformed.status == 417)
    #expect(malformed["Access-Control-Allow-Origin"] == Self.page)
    let crowded = try await Server(
      Backing(), crossOrigin: try CrossOrigin(parsing: Self.page), isCrowded: true
    ).send("GET /kv/a", origin)
    #expect(crowded.status == 503)
    #expect(crowded["Access-Control-Allow-Origin"] == Self.page)
  }

  private struct NobodyKnown: Authenticating {
    let isRequired = true
    let keyPrefixes: [[UInt8]] = []
    let changes = 0
    func principal(authorization: ArraySlice<UInt8>) -> Principal? { nil }
  }

  @Test("The check of the host stays where no token is needed")
  func host() async throws {
    let local = Server(
      Backing(), crossOrigin: try CrossOrigin(parsing: Self.page), isLocalOnly: true)
    let fields = [("Origin", Self.page), ("Access-Control-Request-Method", "PUT")]
    for line in ["GET /kv/a", "OPTIONS /kv/a"] {
      #expect(try await local.send(line, fields, host: "evil.example").problem == "foreign-host")
    }
    #expect(try await local.send("OPTIONS /kv/a", fields, host: "localhost:8080").status == 204)
  }

  // MARK: Preflights

  @Test("A preflight needs no token, and is told the methods of its path")
  func preflights() async throws {
    let strict = Server(
      Backing(), authentication: NobodyKnown(), crossOrigin: try CrossOrigin(parsing: Self.page))
    for route in Route.all.dropLast(2) {
      let path = route.template.replacing("{key}", with: "a").replacing("{id}", with: "x")
      let answer = try await strict.send(
        "OPTIONS \(path)",
        [
          ("Origin", Self.page), ("Access-Control-Request-Method", "PUT"),
          ("Access-Control-Request-Headers", "authorization,if-match"),
        ])
      #expect(answer.status == 204, "\(path)")
      #expect(answer["Access-Control-Allow-Origin"] == Self.page)
      #expect(answer["Access-Control-Allow-Methods"] == route.allow)
      #expect(answer["Access-Control-Allow-Headers"] == "\(CrossOrigin.requestFields)")
      #expect(answer["Access-Control-Max-Age"] == "7200")
      #expect(answer["Vary"] == "Origin")
      #expect(answer["Allow"] == route.allow)
    }
  }

  @Test("A preflight has the query of the request that it asks for")
  func query() async throws {
    let method = [("Access-Control-Request-Method", "PUT")]
    let line = "OPTIONS /kv/a?ttl=60"
    #expect(try await send(line, from: Self.page, method).status == 204)
    // Without the method it is a question about the path, which knows no parameters.
    #expect(try await send(line, from: Self.page).problem == "invalid-parameter")
    #expect(try await server.send(line, method).problem == "invalid-parameter")
  }

  // MARK: The lists of fields

  @Test("A page may send every field and read every field that openapi.json names")
  func fields() async throws {
    func names(_ list: StaticString) -> Set<String> {
      Set(list.description.split(separator: ", ").map { $0.lowercased() })
    }
    let description = try await server.send("GET /openapi.json").json
    func resolved(_ value: JSONValue) -> JSONValue {
      var target: JSONValue? = description
      guard let reference = value["$ref"]?.string else { return value }
      for name in reference.split(separator: "/").dropFirst() { target = target?[String(name)] }
      return target ?? value
    }
    let operations = try #require(description["paths"]).members.flatMap(\.value.members)
      .map(\.value)
    let sent = operations.flatMap { $0["parameters"]?.elements ?? [] }.map(resolved)
      .filter { $0["in"]?.string == "header" }.compactMap { $0["name"]?.string?.lowercased() }
    #expect(Set(sent).subtracting(names(CrossOrigin.requestFields)) == [])
    let answered = operations.flatMap { $0["responses"]?.members ?? [] }
      .flatMap { resolved($0.value)["headers"]?.members ?? [] }.map { $0.name.lowercased() }
    // Fetch Standard, "CORS-safelisted response-header name".
    let always: Set = [
      "cache-control", "content-language", "content-length", "content-type", "expires",
      "last-modified",
    ]
    #expect(Set(answered).subtracting(always).subtracting(names(CrossOrigin.answerFields)) == [])
  }

  // MARK: Every origin

  @Test("An asterisk lets every page in, without naming it")
  func all() async throws {
    let server = Server(Backing(), crossOrigin: try CrossOrigin(parsing: " * "))
    let answer = try await server.send("GET /kv/none", [("Origin", "https://any.example")])
    #expect(answer["Access-Control-Allow-Origin"] == "*")
    #expect(answer["Access-Control-Expose-Headers"] == "\(CrossOrigin.answerFields)")
    #expect(answer["Vary"] == nil)
    #expect(try await server.send("GET /kv/none")["Access-Control-Allow-Origin"] == nil)
  }

  // MARK: The setting

  @Test(
    "Origins are written as browsers write them",
    arguments: [
      "https://app.example.com", "http://localhost:3000,https://a.example , https://b.example",
      "http://127.0.0.1:8000", "http://[::1]:8000", "chrome-extension://abcdefghijklmnop", "*",
      "tauri://localhost", "http://a_b.example", "https://xn--bcher-kva.example",
    ])
  func valid(_ text: String) throws { _ = try CrossOrigin(parsing: text) }

  @Test(
    "What no browser sends as an origin is refused with what to write",
    arguments: [
      ("https://app.example.com/", "leave out what follows"),
      ("https://app.example.com/path", "leave out what follows"),
      ("app.example.com", "begin it with https://"),
      ("//app.example.com", "begin it with https://"),
      ("://a", "begin it with https://"), ("", "begin it with https://"),
      ("https://a.example,", "begin it with https://"), ("1http://a", "begin it with https://"),
      ("https://a.example https://b.example", "leave out what follows"),
      ("https://a b", "a host is letters"), ("https://", "a host is letters"),
      ("https://bücher.example", "a host is letters"),
      ("https://user@a.example", "it has no user"), ("https://*.example.com", "no *"),
      ("https://App.example.com", "lower case"), ("HTTPS://app.example.com", "lower case"),
      ("https://a.example:443", "leave out the port"),
      ("http://a.example:80", "leave out the port"),
      ("https://a.example:", "a port is a number"), ("https://a.example:0", "a port is a number"),
      ("https://a.example:65536", "a port is a number"), ("https://a.example:080", "a port is"),
      ("null", "sandboxed page"), ("*,https://a.example", "leave out the others"),
    ])
  func invalid(_ text: String, _ advice: String) {
    let error = #expect(throws: CrossOrigin.Invalid.self) { try CrossOrigin(parsing: text) }
    #expect(error?.advice.contains(advice) == true, "\(error?.advice ?? "")")
  }
}
