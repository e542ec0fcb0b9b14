import HTTP
import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("A stored outcome belongs to what was carried out, and to who may")
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
