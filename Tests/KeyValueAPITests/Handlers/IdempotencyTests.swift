import HTTP
import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("A request with an idempotency key takes effect once")
struct IdempotencyTests {
  private let server = Server(Backing())
  private let named = [("Idempotency-Key", "\"one\"")]

  @Test("The first result is answered again, and nothing is written")
  func replay() async throws {
    let first = try await server.send("PUT /kv/a", named, body: "x")
    #expect(first.status == 201)
    #expect(first["Idempotency-Replayed"] == nil)
    _ = try await server.send("PUT /kv/a", body: "y")
    let second = try await server.send("PUT /kv/a", named, body: "x")
    #expect(second.status == 201)
    #expect(second["Idempotency-Replayed"] == "true")
    #expect(second.text == first.text)
    #expect(second["ETag"] == first["ETag"])
    #expect(try await server.send("GET /kv/a").text == "y")
  }

  @Test("The bare spelling is the same key as the quoted one")
  func spellings() async throws {
    _ = try await server.send("PUT /kv/a", [("Idempotency-Key", "\"k-1\"")], body: "x")
    let again = try await server.send("PUT /kv/a", [("Idempotency-Key", "k-1")], body: "x")
    #expect(again["Idempotency-Replayed"] == "true")
  }

  @Test(
    "Another request with the same key is a 422",
    arguments: [
      ("PUT /kv/a", [], "y"), ("PUT /kv/b", [], "x"), ("PUT /kv/a?ttl=5", [], "x"),
      ("DELETE /kv/a", [], ""), ("PUT /kv/a", [("If-None-Match", "*")], "x"),
      ("PUT /kv/a", [("If-Match", "*")], "x"),
      ("POST /batch", [], #"{"operations":[{"op":"get","key":"a"}]}"#),
      ("PUT /kv", [], #"{"data":{"key":"a","value":"x"}}"#), ("DELETE /kv?key=a", [], ""),
    ] as [(String, [(String, String)], String)])
  func mismatch(_ line: String, _ fields: [(String, String)], _ body: String) async throws {
    _ = try await server.send("PUT /kv/a", named, body: "x")
    let answer = try await server.send(line, named + fields, body: body)
    #expect(answer.status == 422)
    #expect(answer.problem == "idempotency-mismatch")
    #expect(try await server.send("GET /kv/a").text == "x")
  }

  @Test("A refusal is a first result too")
  func replayedRefusals() async throws {
    let missing = try await server.send("DELETE /kv/a", named)
    #expect(missing.status == 404)
    let fields = [("If-Match", "*"), ("Idempotency-Key", "two")]
    #expect(try await server.send("PUT /kv/a", fields, body: "x").status == 412)
    _ = try await server.send("PUT /kv/a", body: "y")
    let again = try await server.send("DELETE /kv/a", named)
    #expect(again.status == 404)
    #expect(again["Idempotency-Replayed"] == "true")
    let refused = try await server.send("PUT /kv/a", fields, body: "x")
    #expect(refused.status == 412)
    #expect(refused["Idempotency-Replayed"] == "true")
  }

  @Test("A batch is replayed as a whole")
  func batches() async throws {
    let body = #"{"operations":[{"op":"put","key":"a","value":"x"},{"op":"delete","key":"b"}]}"#
    let first = try await server.send("POST /batch", named, body: body)
    #expect(first.status == 200)
    let second = try await server.send("POST /batch", named, body: body)
    #expect(second["Idempotency-Replayed"] == "true")
    #expect(second.text == first.text)
    #expect(try await server.send("GET /kv/a").status == 200)
  }

  @Test("The JSON form is carried out at once, and once")
  func jsonForm() async throws {
    let body = #"{"data":{"key":"a","value":"x"}}"#
    let first = try await server.send("PUT /kv", named, body: body)
    #expect(first.status == 202)
    let second = try await server.send("PUT /kv", named, body: body)
    #expect(second.status == 202)
    #expect(second["Idempotency-Replayed"] == "true")
    let list = try await server.send("GET /kv")
    #expect(try list.json["items"]?.elements[0]["version"]?.integer == 1)
    let two = [("Idempotency-Key", "two")]
    #expect(try await server.send("DELETE /kv?key=a", two).status == 202)
    #expect(try await server.send("DELETE /kv?key=a", two)["Idempotency-Replayed"] == "true")
    #expect(try await server.send("DELETE /kv?key=a", [("Idempotency-Key", "3")]).status == 404)
  }

  @Test("respond-async does not take an idempotent write away from its transaction")
  func asynchronous() async throws {
    server.backing.queue.follow(.keeps)
    let fields = named + [("Prefer", "respond-async")]
    #expect(try await server.send("PUT /kv/a", fields, body: "x").status == 201)
    let again = try await server.send("PUT /kv/a", fields, body: "x")
    #expect(again["Idempotency-Replayed"] == "true")
    #expect(server.backing.queue.kept.isEmpty)
  }

  @Test("An idempotent write is not queued when the database is away: it can be sent again")
  func databaseAway() async throws {
    server.backing.queue.follow(.keeps)
    for error in [StoreError.unavailable(cause: "x", retryAfter: 1), .outcomeUnknown(cause: "x")] {
      server.backing.database.fail(with: error)
      #expect(try await server.send("PUT /kv/a", named, body: "x").status == 503)
    }
    #expect(server.backing.queue.kept.isEmpty)
    server.backing.database.fail(with: nil)
    #expect(try await server.send("PUT /kv/a", named, body: "x").status == 201)
  }

  @Test("While the first request is in flight, the second is a 409")
  func inFlight() async throws {
    server.backing.database.fail(with: .idempotencyInFlight)
    let answer = try await server.send("PUT /kv/a", named, body: "x")
    #expect(answer.status == 409)
    #expect(answer.problem == "idempotency-in-flight")
    #expect(answer["Retry-After"] == "1")
  }

  @Test(
    "The longest keys are accepted",
    arguments: [
      String(repeating: "k", count: 255), "\"\(String(repeating: "k", count: 255))\"",
      "\"\(String(repeating: "\\\"", count: 255))\"", "\" \"", "a,b;c=d",
    ])
  func longestKeys(_ key: String) async throws {
    let answer = try await server.send("PUT /kv/a", [("Idempotency-Key", key)], body: "x")
    #expect(answer.status == 201)
  }

  @Test(
    "A malformed key is a 400 that names the field, and writes nothing",
    arguments: [
      "", "\"\"", "\"", "\"a", "a\"", "a\"b", "a b", "é", "\"é\"", "\"a\\b\"", "\"a\"b\"",
      "\"a\\\"",
      "\"a\";p=1", String(repeating: "k", count: 256), "\"\(String(repeating: "k", count: 256))\"",
    ])
  func malformed(_ key: String) async throws {
    let fields = [("Idempotency-Key", key)]
    let batch = #"{"operations":[{"op":"put","key":"a","value":"x"}]}"#
    for (line, body) in [
      ("PUT /kv/a", "x"), ("DELETE /kv/a", ""), ("POST /batch", batch),
      ("PUT /kv", #"{"data":{"key":"a","value":"x"}}"#), ("DELETE /kv?key=a", ""),
    ] {
      let answer = try await server.send(line, fields, body: body)
      #expect(answer.status == 400, "\(line)")
      #expect(try answer.json["header"]?.string == "Idempotency-Key")
    }
    #expect(server.backing.database.writeCalls == 0)
  }

  @Test("Two fields are a 400")
  func twoFields() async throws {
    let answer = try await server.send("PUT /kv/a", named + named, body: "x")
    #expect(answer.problem == "invalid-header")
  }

  @Test("After 24 hours the name is free again")
  func retention() async throws {
    _ = try await server.send("PUT /kv/a", named, body: "x")
    server.backing.clock.advance(seconds: 86_401)
    let answer = try await server.send("PUT /kv/b", named, body: "y")
    #expect(answer.status == 201)
  }
}

@Suite("A stored outcome belongs to what was done, and to a sender with the same rights")
struct IdempotencyOwnershipTests {
  private let backing = Backing()
  private let named = ("Idempotency-Key", "once")
  private let batch = """
    {"operations":[{"op":"put","key":"shop/a","value":"1"},{"op":"get","key":"shop/a"},
    {"op":"put","key":"b","value":"12345678901"}]}
    """

  /// Sends with a token that is called `shop`, whatever it allows.
  private func send(
    _ line: String, body: String, allowed: String, token: String = "t",
    _ fields: [(String, String)] = []
  ) async throws -> Answer {
    let digest = Digest.sha256(Array(token.utf8)).map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined()
    let file = try TokensFile(text: "shop \(digest) \(allowed)")
    let server = Server(backing, authentication: TokenAuthenticator(file))
    let authorization = ("Authorization", "Bearer \(token)")
    return try await server.send(line, [named, authorization] + fields, body: body)
  }

  private func statuses(_ answer: Answer) throws -> [Int64?] {
    try #require(try answer.json["results"]?.elements).map { $0["status"]?.integer }
  }

  @Test(
    "A batch is not replayed to a token of the same name that may do something else",
    arguments: [
      ("read,write shop/", [201, 200, 403] as [Int64]), ("read,write *", [201, 200, 201]),
      ("write *", [201, 403, 201]), ("write shop/", [201, 403, 403]), ("read *", [403, 404, 403]),
    ])
  func otherRights(_ allowed: String, _ expected: [Int64]) async throws {
    let first = try await send("POST /batch", body: batch, allowed: allowed)
    #expect(try statuses(first) == expected)
    let isWritten = expected[2] == 201
    for other in [
      "read,write shop/", "read,write *", "write *", "write shop/", "read *", "read,write,admin *",
    ] where other != allowed {
      let answer = try await send("POST /batch", body: batch, allowed: other)
      #expect(answer.status == 422, "\(other)")
      #expect(answer.problem == "idempotency-mismatch")
    }
    let again = try await send("POST /batch", body: batch, allowed: allowed, token: "rotated")
    #expect(again["Idempotency-Replayed"] == "true")
    #expect(again.text == first.text)
    #expect(try await Server(backing).send("GET /kv/b").status == (isWritten ? 200 : 404))
  }

  @Test("A PUT is not replayed to a token of the same name with another prefix")
  func write() async throws {
    #expect(try await send("PUT /kv/shop/a", body: "1", allowed: "write *").status == 201)
    let other = try await send("PUT /kv/shop/a", body: "1", allowed: "write shop/")
    #expect(other.status == 422)
  }

  @Test("A batch is not replayed after the largest value has changed", arguments: [true, false])
  func otherLimits(isGrowing: Bool) async throws {
    var small = APILimits()
    small.valueBytesMax = 10
    let (large, narrow) = (Server(backing), Server(backing, limits: small))
    let (before, after) = isGrowing ? (narrow, large) : (large, narrow)
    let first = try await before.send("POST /batch", [named], body: batch)
    #expect(try statuses(first) == [201, 200, isGrowing ? 413 : 201])
    #expect(try await after.send("POST /batch", [named], body: batch).status == 422)
    #expect(try await large.send("GET /kv/b").status == (isGrowing ? 404 : 200))
    let again = try await before.send("POST /batch", [named], body: batch)
    #expect(again["Idempotency-Replayed"] == "true")
    #expect(again.text == first.text)
  }

  @Test("A PUT with another content type is another request")
  func otherType() async throws {
    let server = Server(backing)
    let text = ("Content-Type", "text/plain")
    #expect(try await server.send("PUT /kv/a", [named, text], body: "<p>").status == 201)
    let html = ("Content-Type", "text/html")
    #expect(try await server.send("PUT /kv/a", [named, html], body: "<p>").status == 422)
    #expect(try await server.send("GET /kv/a")["Content-Type"] == "text/plain")
  }
}
