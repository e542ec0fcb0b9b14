import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("DELETE with a prefix deletes the keys under it")
struct RemovingTests {
  private let server = Server(Backing())

  private func fill(_ keys: [String]) async throws {
    for key in keys { _ = try await server.send("PUT /kv/\(key)", body: "v") }
  }

  @Test("Keys are deleted in order, at most limit of them")
  func removing() async throws {
    try await fill(["a", "b/1", "b/2", "b/3", "c"])
    let first = try await server.send("DELETE /kv?prefix=b/&limit=2")
    #expect(first.status == 200)
    #expect(first["Content-Type"] == "application/json")
    #expect(first.text == #"{"deleted":2,"more":true,"next_cursor":"1622f32"}"#)
    #expect(try await server.send("GET /kv/b/2").status == 404)
    #expect(try await server.send("GET /kv/b/3").status == 200)
    let second = try await server.send("DELETE /kv?prefix=b%2F&cursor=1622f32")
    #expect(second.text == #"{"deleted":1,"more":false}"#)
    let third = try await server.send("DELETE /kv?prefix=b")
    #expect(third.text == #"{"deleted":0,"more":false}"#)
    #expect(try await server.send("GET /kv?count=true").text == #"{"count":2}"#)
  }

  @Test("The cache forgets what was deleted")
  func cache() async throws {
    try await fill(["b/1"])
    #expect(try await server.send("GET /kv/b/1")["Cache-Status"] == "kv; hit")
    _ = try await server.send("DELETE /kv?prefix=b/")
    let answer = try await server.send("GET /kv/b/1")
    #expect(answer.status == 404)
    #expect(answer["Cache-Status"] == "kv; hit")
  }

  @Test(
    "A malformed parameter is a 400 that names it, and deletes nothing",
    arguments: [
      ("prefix=", "prefix"), ("prefix=%FF", "prefix"), ("prefix=b&limit=0", "limit"),
      ("prefix=b&limit=10001", "limit"), ("prefix=b&limit=", "limit"),
      ("prefix=b&limit=ten", "limit"), ("limit=5", "limit"), ("key=b/1&limit=5", "limit"),
      ("prefix=b&cursor=", "cursor"), ("prefix=b&cursor=x", "cursor"),
      ("prefix=b&cursor=2622f", "cursor"), ("prefix=b&cursor=3622f", "cursor"),
      ("cursor=162", "cursor"), ("key=b/1&cursor=162", "cursor"), ("prefix=b&key=b/1", "key"),
      ("prefix=b&key=", "key"), ("prefx=b", "prefx"),
      ("prefix=b&delimiter=/", "delimiter"), ("prefix=b&prefix=c", "prefix"), ("", "key"),
    ])
  func malformed(_ query: String, _ name: String) async throws {
    try await fill(["b/1"])
    let answer = try await server.send("DELETE /kv?\(query)")
    #expect(answer.problem == "invalid-parameter")
    #expect(try answer.json["parameter"]?.string == name)
    #expect(try await server.send("GET /kv/b/1").status == 200)
  }

  @Test("A cursor says where to go on")
  func cursor() async throws {
    try await fill(["b/1", "b/2", "b/3"])
    // From b/3 on, and behind b/1.
    for (cursor, left) in [("4622f33", 2), ("1622f31", 1)] {
      let answer = try await server.send("DELETE /kv?prefix=b/&cursor=\(cursor)")
      #expect(answer.text == #"{"deleted":1,"more":false}"#)
      let count = try await server.send("GET /kv?count=true")
      #expect(count.text == #"{"count":\#(left)}"#)
    }
  }

  @Test("The bounds of limit are accepted", arguments: ["1", "10000"])
  func bounds(_ limit: String) async throws {
    #expect(try await server.send("DELETE /kv?prefix=b&limit=\(limit)").status == 200)
  }

  @Test(
    "A condition or an idempotency key is a 400 that names it",
    arguments: ["If-Match", "If-None-Match", "If-Unmodified-Since", "Idempotency-Key"])
  func conditions(_ field: String) async throws {
    try await fill(["b/1"])
    let answer = try await server.send("DELETE /kv?prefix=b", [(field, "\"1\"")])
    #expect(answer.problem == "invalid-header")
    #expect(try answer.json["header"]?.string == field)
    #expect(try await server.send("GET /kv/b/1").status == 200)
  }

  @Test("While the database is away it is a 503")
  func withoutDatabase() async throws {
    try await fill(["b/1"])
    server.backing.database.fail(with: .unavailable(cause: "away", retryAfter: 3))
    let answer = try await server.send("DELETE /kv?prefix=b")
    #expect(answer.status == 503)
    #expect(answer["Retry-After"] == "3")
  }

  @Test("An unknown outcome is reported when nothing else is known to be deleted")
  func unknownOutcome() async throws {
    try await fill(["b/1"])
    server.backing.database.loseOutcome()
    #expect(try await server.send("DELETE /kv?prefix=b").problem == "outcome-unknown")
  }
}
