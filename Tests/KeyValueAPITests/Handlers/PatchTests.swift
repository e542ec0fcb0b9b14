import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("PATCH changes an entry without its value")
struct PatchTests {
  private let server = Server(Backing())
  private let type = ("Content-Type", "application/merge-patch+json")

  private func patch(
    _ key: String, _ body: String, _ fields: [(String, String)] = []
  ) async throws -> Answer {
    try await server.send("PATCH /kv/\(key)", [type] + fields, body: body)
  }

  @Test("It answers the metadata and the ETag of what it has changed")
  func answer() async throws {
    let put = try await server.send("PUT /kv/a?ttl=60", [("Content-Type", "a/b")], body: "hello")
    let answer = try await patch("a", #"{"ttl":null,"content_type":"text/html"}"#)
    #expect(answer.status == 200)
    #expect(answer["Content-Type"] == "application/json")
    #expect(
      try answer.json.members.map(\.name) == [
        "key", "revision", "version", "size", "content_type", "created_at", "updated_at",
        "expires_at",
      ])
    #expect(try answer.json["version"]?.integer == 2)
    #expect(try answer.json["size"]?.integer == 5)
    #expect(try answer.json["content_type"]?.string == "text/html")
    #expect(try answer.json["expires_at"]?.kind == .null)
    #expect(try answer.json["created_at"]?.string == put.json["created_at"]?.string)
    #expect(try #require(answer.revision) > #require(put.revision))
    #expect(try answer.json["revision"]?.integer == answer.revision)
    let get = try await server.send("GET /kv/a")
    #expect(get.text == "hello" && get["Content-Type"] == "text/html" && get["Expires"] == nil)
    #expect(get.revision == answer.revision)
  }

  @Test("{} is a touch: revision and version grow, and nothing else changes")
  func touch() async throws {
    let put = try await server.send("PUT /kv/a?ttl=60", [("Content-Type", "a/b")], body: "x")
    let touched = try await patch("a", " {\n} ")
    #expect(touched.status == 200)
    #expect(try touched.json["version"]?.integer == 2)
    for name in ["size", "content_type", "created_at", "expires_at"] {
      #expect(try touched.json[name]?.text == put.json[name]?.text)
    }
  }

  @Test("ttl sets a new expiry, as text or number in any spelling of a whole number of seconds")
  func timeToLive() async throws {
    _ = try await server.send("PUT /kv/a", body: "x")
    for text in ["315360000", "60", "6e1", "60.0"] {
      let answer = try await patch("a", #"{"ttl":\#(text)}"#)
      #expect(answer.status == 200, "\(text)")
      #expect(try answer.json["expires_at"]?.kind == .string)
    }
    server.backing.clock.advance(seconds: 61)
    #expect(try await server.send("GET /kv/a").status == 404)
    #expect(try await patch("a", #"{"ttl":1}"#).status == 404)
  }

  @Test("A key that does not exist is a 404, unless something is added to it")
  func missing() async throws {
    for body in ["{}", #"{"ttl":5}"#, #"{"ttl":null}"#, #"{"content_type":"a/b"}"#] {
      let answer = try await patch("a", body)
      #expect(answer.status == 404)
      #expect(answer.problem == "key-not-found")
    }
    #expect(try await patch("a", #"{"add":0}"#).status == 201)
  }

  @Test("add answers the sum as a number, 201 for a new key and 200 otherwise")
  func add() async throws {
    let first = try await patch("a", #"{"add":41}"#)
    #expect(first.status == 201)
    #expect(try first.json["value"]?.text.elementsEqual("41".utf8) == true)
    #expect(try first.json["content_type"]?.string == "text/plain; charset=utf-8")
    #expect(try first.json["version"]?.integer == 1)
    let second = try await patch("a", #"{"add":-42,"ttl":60,"content_type":"a/b"}"#)
    #expect(second.status == 200)
    #expect(try second.json["value"]?.integer == -1)
    #expect(try second.json["expires_at"]?.kind == .string)
    let get = try await server.send("GET /kv/a")
    #expect(get.text == "-1" && get["Content-Type"] == "a/b")
    #expect(get["Cache-Status"] == "kv; hit")
    let third = try await patch("a", #"{"add":1}"#)
    #expect(try third.json["expires_at"]?.string == second.json["expires_at"]?.string)
  }

  @Test("Amounts keep their precision up to both ends of 64 bits")
  func precision() async throws {
    for (number, text) in ["9223372036854775807", "-9223372036854775808", "9007199254740993", "-0"]
      .enumerated()
    {
      let answer = try await patch("a\(number)", #"{"add":\#(text)}"#)
      #expect(answer.status == 201, "\(text)")
      let sum = text == "-0" ? "0" : text
      #expect(try answer.json["value"]?.text.elementsEqual(sum.utf8) == true)
      #expect(try await server.send("GET /kv/a\(number)").text == sum)
    }
  }

  @Test("What can't be added to is a 409, and nothing is written")
  func refusals() async throws {
    for (value, body, problem) in [
      ("x", #"{"add":1}"#, "not-an-integer"), ("01", #"{"add":1,"ttl":5}"#, "not-an-integer"),
      ("9223372036854775807", #"{"add":1}"#, "integer-overflow"),
      ("-1", #"{"add":-9223372036854775808}"#, "integer-overflow"),
    ] {
      let put = try await server.send("PUT /kv/a", body: value)
      let answer = try await patch("a", body)
      #expect(answer.status == 409)
      #expect(answer.problem == problem)
      #expect(try await server.send("GET /kv/a").revision == put.revision)
    }
  }

  static let malformed = [
    "", "x", "[]", "1", "null", "\"a\"", "{", #"{"ttl":1}{}"#, #"{"ttl":1,"ttl":2}"#,
    #"{"ttl":0}"#, #"{"ttl":-1}"#, #"{"ttl":315360001}"#, #"{"ttl":1.5}"#, #"{"ttl":"60"}"#,
    #"{"ttl":true}"#, #"{"ttl":[]}"#, #"{"content_type":null}"#, #"{"content_type":""}"#,
    #"{"content_type":"text"}"#, #"{"content_type":1}"#, #"{"content_type":"a/b\r\nX: y"}"#,
    #"{"content_type":"a/é"}"#, #"{"add":null}"#, #"{"add":"1"}"#, #"{"add":1.0}"#,
    #"{"add":1e3}"#, #"{"add":1E0}"#, #"{"add":0.5}"#, #"{"add":9223372036854775808}"#,
    #"{"add":-9223372036854775809}"#, #"{"add":+1}"#, #"{"add":01}"#, #"{"add":[1]}"#,
    #"{"value":"x"}"#, #"{"tll":60}"#, #"{"add":1,"expires_at":null}"#, #"{"Ttl":60}"#,
  ]

  @Test(
    "A patch that is malformed in any part is a 400, and nothing is written", arguments: malformed)
  func malformedPatches(_ body: String) async throws {
    let put = try await server.send("PUT /kv/a", body: "5")
    let answer = try await patch("a", body)
    #expect(answer.status == 400)
    #expect(["invalid-json", "invalid-document"].contains(answer.problem))
    #expect(try await server.send("GET /kv/a").revision == put.revision)
  }

  @Test("An unknown member is named, and so is one that is malformed")
  func named() async throws {
    for (body, name) in [
      (#"{"tll":60}"#, "\"tll\""), (#"{"add":1.0}"#, "add"), (#"{"ttl":0}"#, "ttl"),
      (#"{"content_type":null}"#, "content_type"),
    ] {
      let detail = try await patch("a", body).json["detail"]?.string
      #expect(detail?.contains(name) == true)
    }
  }

  @Test("Another media type, or none, is a 415 with Accept-Patch before the body is read")
  func mediaTypes() async throws {
    _ = try await server.send("PUT /kv/a", body: "5")
    for fields in [
      [], [("Content-Type", "application/json")], [("Content-Type", "application/json-patch+json")],
      [("Content-Type", "application/x-www-form-urlencoded")], [("Content-Type", "merge")],
      [type, type],
    ] {
      let answer = try await server.send("PATCH /kv/a", fields, body: #"{"add":1}"#)
      #expect(answer.status == 415)
      #expect(answer.problem == "unsupported-media-type")
      #expect(answer["Accept-Patch"] == "application/merge-patch+json")
      #expect(answer.isRefusedEarly)
    }
    for type in [
      "application/merge-patch+json; charset=utf-8", "Application/Merge-Patch+JSON;a=b",
    ] {
      let fields = [("Content-Type", type)]
      #expect(try await server.send("PATCH /kv/a", fields, body: #"{"add":1}"#).status == 200)
    }
    let coded = try await patch("a", #"{"add":1}"#, [("Content-Encoding", "gzip")])
    #expect(coded.problem == "unsupported-encoding")
    #expect(try await server.send("GET /kv/a").text == "7")
  }

  @Test("More than 64 KiB is a 413, parameters are a 400, and an empty key is a 400")
  func edges() async throws {
    let space = String(repeating: " ", count: 64 << 10)
    #expect(try await patch("a", "{}" + space.dropLast(2)).status == 404)
    let large = try await patch("a", "{}" + space)
    #expect(large.status == 413 && large.isRefusedEarly)
    #expect(try await patch("a?ttl=60", "{}").problem == "invalid-parameter")
    #expect(try await patch("", "{}").status == 400)
    let options = try await server.send("OPTIONS /kv/a")
    #expect(options["Allow"] == "GET, HEAD, PUT, PATCH, DELETE, OPTIONS")
    #expect(options["Accept-Patch"] == "application/merge-patch+json")
    #expect(try await server.send("OPTIONS /kv")["Accept-Patch"] == nil)
    #expect(try await server.send("PATCH /kv", [type], body: "{}").status == 405)
  }

  @Test("Conditions decide as for PUT")
  func conditions() async throws {
    #expect(try await patch("a", "{}", [("If-Match", "*")]).status == 412)
    #expect(try await patch("a", #"{"add":1}"#, [("If-None-Match", "*")]).status == 201)
    let exists = try await patch("a", #"{"add":1}"#, [("If-None-Match", "*")])
    #expect(exists.status == 412)
    let revision = try #require(exists.revision)
    let renewed = try await patch("a", #"{"ttl":30}"#, [("If-Match", "\"\(revision)\"")])
    #expect(renewed.status == 200)
    let outdated = try await patch("a", #"{"ttl":30}"#, [("If-Match", "\"\(revision)\"")])
    #expect(outdated.status == 412 && outdated.revision == renewed.revision)
    #expect(try await patch("a", "{}", [("If-Match", "x")]).problem == "invalid-header")
    let past = ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(try await patch("a", "{}", [past]).status == 412)
  }

  @Test("With an idempotency key it counts once, whatever the first answer was")
  func idempotency() async throws {
    let name = ("Idempotency-Key", "one")
    let first = try await patch("a", #"{"add":5}"#, [name])
    let second = try await patch("a", #"{"add":5}"#, [name])
    #expect(first.status == 201 && second.status == 201)
    #expect(second["Idempotency-Replayed"] == "true" && second.text == first.text)
    #expect(try await server.send("GET /kv/a").text == "5")
    for body in [#"{"add":6}"#, #"{"add":5,"ttl":9}"#, #"{"add": 5}"#] {
      #expect(try await patch("a", body, [name]).problem == "idempotency-mismatch")
    }
    _ = try await server.send("PUT /kv/b", body: "x")
    let refused = [("Idempotency-Key", "two")]
    #expect(try await patch("b", #"{"add":5}"#, refused).status == 409)
    _ = try await server.send("PUT /kv/b", body: "1")
    let again = try await patch("b", #"{"add":5}"#, refused)
    #expect(again.problem == "not-an-integer" && again["Idempotency-Replayed"] == "true")
  }

  @Test("return=minimal leaves the document out, respond-async is passed over")
  func preferences() async throws {
    server.backing.queue.follow(.keeps)
    let minimal = [("Prefer", "return=minimal, respond-async, wait=5")]
    let created = try await patch("a", #"{"add":1}"#, minimal)
    #expect(created.status == 201 && created.body.isEmpty && created.revision != nil)
    #expect(created["Preference-Applied"] == "return=minimal")
    let changed = try await patch("a", #"{"add":1}"#, minimal)
    #expect(changed.status == 204 && changed.body.isEmpty)
    #expect(server.backing.queue.kept.isEmpty)
  }

  @Test("While the database is away it is a 503, and nothing is queued")
  func databaseAway() async throws {
    server.backing.queue.follow(.keeps)
    server.backing.database.fail(with: .unavailable(cause: "gone", retryAfter: 4))
    let answer = try await patch("a", #"{"add":1}"#)
    #expect(answer.status == 503 && answer.problem == "unavailable")
    #expect(answer["Retry-After"] == "4")
    server.backing.database.fail(with: nil)
    server.backing.database.loseOutcome()
    #expect(try await patch("a", #"{"add":1}"#).problem == "outcome-unknown")
    #expect(server.backing.queue.kept.isEmpty)
  }

  @Test("With an idempotency key, the server finds out what became of it")
  func outcomeUnknown() async throws {
    server.backing.database.loseOutcome()
    let name = ("Idempotency-Key", "one")
    var answer = try await patch("a", #"{"add":1}"#, [name])
    // On a machine that is too slow to find out in time, the client asks again.
    if answer.problem == "outcome-unknown" { answer = try await patch("a", #"{"add":1}"#, [name]) }
    #expect(answer.status == 201 && answer["Idempotency-Replayed"] == "true")
    #expect(try await server.send("GET /kv/a").text == "1")
  }
}
