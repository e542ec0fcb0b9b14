import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("Preferences are followed as far as they can be (RFC 7240)")
struct PreferenceTests {
  private let server = Server(Backing())
  private let away = StoreError.unavailable(cause: "host db1 is gone", retryAfter: 3)

  @Test("return=minimal leaves the document out")
  func minimal() async throws {
    let created = try await server.send("PUT /kv/a", [("Prefer", "return=minimal")], body: "x")
    #expect(created.status == 201)
    #expect(created.body.isEmpty)
    #expect(created.revision != nil)
    #expect(created["Preference-Applied"] == "return=minimal")
    let replaced = try await server.send("PUT /kv/a", [("Prefer", "Return=\"minimal\"")], body: "y")
    #expect(replaced.status == 204)
    #expect(replaced.body.isEmpty)
    #expect(try #require(replaced.revision) > #require(created.revision))
  }

  @Test(
    "An unknown or malformed preference is passed over",
    arguments: [
      "foo", "return=maximal", "handling=lenient", "wait=soon, respond-async=no", "=", "wait=-1",
      "",
    ])
  func unknown(_ field: String) async throws {
    let answer = try await server.send("PUT /kv/a", [("Prefer", field)], body: "x")
    #expect(answer.status == 201)
    #expect(answer["Preference-Applied"] == nil)
  }

  @Test("respond-async gets the final answer where writes are applied at once")
  func asynchronousAtOnce() async throws {
    let prefer = [("Prefer", "respond-async")]
    let put = try await server.send("PUT /kv/a", prefer, body: "x")
    #expect(put.status == 201)
    #expect(put["Preference-Applied"] == nil)
    #expect(try await server.send("GET /kv/a").text == "x")
    #expect(
      try await server.send("PUT /kv/a", prefer + [("If-Match", "\"1\"")], body: "y").status == 412)
    #expect(try await server.send("DELETE /kv/a", prefer).status == 204)
    #expect(try await server.send("DELETE /kv/a", prefer).status == 404)
  }

  @Test("respond-async is a 202 with its operation where writes wait in a queue")
  func asynchronousQueued() async throws {
    server.backing.queue.follow(.keeps)
    let put = try await server.send("PUT /kv/a", [("Prefer", "respond-async")], body: "x")
    #expect(put.status == 202)
    #expect(put["Preference-Applied"] == "respond-async")
    let id = try #require(try put.json["operation"]?.string)
    #expect(put["Location"] == "/operations/\(id)")
    #expect(try put.json["status"]?.string == "queued")
    #expect(try put.json["detail"]?.string == "queued")
    #expect(try await server.send("GET /kv/a").status == 404)
    try await server.backing.queue.applyKept()
    let operation = try await server.send("GET /operations/\(id)")
    #expect(operation.status == 200)
    #expect(try operation.json["status"]?.string == "applied")
    #expect(try await server.send("GET /kv/a", [("Cache-Control", "no-cache")]).text == "x")
  }

  @Test("wait=N waits for the final answer, then says 202")
  func waiting() async throws {
    server.backing.queue.follow(.keeps)
    let prefer = [("Prefer", "respond-async, wait=5")]
    let late = try await server.send("PUT /kv/a", prefer, body: "x")
    #expect(late.status == 202)
    #expect(late["Preference-Applied"] == "respond-async, wait=5")
    #expect(server.backing.pauses.all.reduce(.zero, +) == .seconds(5))

    let queue = server.backing.queue
    server.backing.pauses.during { _ in try? await queue.applyKept() }
    let put = try await server.send("PUT /kv/b", prefer, body: "x")
    #expect(put.status == 201)
    #expect(try put.json["key"]?.string == "b")
    #expect(put.revision != nil)
    #expect(try await server.send("DELETE /kv/b", prefer).status == 204)
    #expect(try await server.send("DELETE /kv/b", prefer).status == 404)
    let condition = prefer + [("If-Match", "\"1\"")]
    #expect(try await server.send("PUT /kv/a", condition, body: "y").status == 412)
  }

  @Test("wait=0 and the longest wait are bounds")
  func waitBounds() async throws {
    server.backing.queue.follow(.keeps)
    _ = try await server.send("PUT /kv/a", [("Prefer", "respond-async, wait=0")], body: "x")
    #expect(server.backing.pauses.all.isEmpty)
    let answer = try await server.send(
      "PUT /kv/a", [("Prefer", "respond-async, wait=86400")], body: "x")
    #expect(answer["Preference-Applied"] == "respond-async, wait=30")
    #expect(server.backing.pauses.all.reduce(.zero, +) == .seconds(30))
  }

  @Test("A write that was overtaken in the queue is a 202 whose operation says so")
  func superseded() async throws {
    server.backing.queue.follow(.keeps)
    let queue = server.backing.queue
    server.backing.pauses.during { [weak server] _ in
      _ = try? await server?.send("PUT /kv/a", body: "newer")
      try? await queue.applyKept()
    }
    let answer = try await server.send(
      "PUT /kv/a", [("Prefer", "respond-async, wait=5")], body: "older")
    #expect(answer.status == 202)
    let operation = try await server.send("GET \(try #require(answer["Location"]))")
    #expect(try operation.json["status"]?.string == "superseded")
    #expect(try await server.send("GET /kv/a").text == "newer")
  }

  @Test("A plain write that finds the database away is queued; handling=strict fails instead")
  func databaseAway() async throws {
    server.backing.database.fail(with: away)
    server.backing.queue.follow(.keeps)
    let put = try await server.send("PUT /kv/a", body: "x")
    #expect(put.status == 202)
    #expect(put["Preference-Applied"] == nil)
    #expect(put["Location"] != nil)
    #expect(try await server.send("DELETE /kv/a").status == 202)
    #expect(server.backing.queue.kept.count == 2)
    let strict = try await server.send("PUT /kv/a", [("Prefer", "handling=strict")], body: "x")
    #expect(strict.status == 503)
    #expect(strict.problem == "unavailable")
    #expect(strict["Retry-After"] == "3")
    #expect(server.backing.queue.kept.count == 2)
  }

  @Test("With database and queue away a write is a 503 that does not name hosts")
  func allAway() async throws {
    server.backing.database.fail(with: away)
    for method in ["PUT", "DELETE"] {
      let answer = try await server.send("\(method) /kv/a")
      #expect(answer.status == 503)
      #expect(answer["Retry-After"] == "3")
      #expect(!answer.text.contains("db1"))
    }
    #expect(server.observer.lines.last?.cause == "host db1 is gone")
  }

  @Test("With the queue away respond-async is carried out at once")
  func queueAway() async throws {
    server.backing.queue.follow(.fails(away))
    let put = try await server.send("PUT /kv/a", [("Prefer", "respond-async")], body: "x")
    #expect(put.status == 201)
    #expect(try await server.send("GET /kv/a").text == "x")
  }

  @Test("An unknown outcome is queued if it is unconditional, else a 503 that says so")
  func unknownOutcome() async throws {
    server.backing.database.fail(with: .outcomeUnknown(cause: "connection lost"))
    server.backing.queue.follow(.keeps)
    #expect(try await server.send("PUT /kv/a", body: "x").status == 202)
    let conditional = try await server.send("PUT /kv/a", [("If-None-Match", "*")], body: "x")
    #expect(conditional.status == 503)
    #expect(conditional.problem == "outcome-unknown")
    #expect(conditional["Retry-After"] != nil)
    server.backing.queue.follow(.fails(away))
    #expect(try await server.send("PUT /kv/a", body: "x").problem == "outcome-unknown")
  }

  @Test("A write whose outcome was lost neither undoes what was written since, nor counts twice")
  func lostOutcome() async throws {
    let (database, queue) = (server.backing.database, server.backing.queue)
    queue.follow(.keeps)
    let newer = Write(
      key: Key(trusted: Array("a".utf8)),
      mutation: .put(value: Array("2".utf8), contentType: "text/plain", timeToLive: nil))
    let fresh = [("Cache-Control", "no-cache")]
    for method in ["PUT", "DELETE"] {
      database.loseOutcome(before: newer)
      #expect(try await server.send("\(method) /kv/a", body: "1").status == 202)
      try await queue.applyKept()
      #expect(try await server.send("GET /kv/a", fresh).text == "2", "\(method)")
    }
    database.loseOutcome()
    #expect(try await server.send("PUT /kv/b", body: "1").status == 202)
    try await queue.applyKept()
    #expect(try await server.send("PUT /kv/b", body: "2").json["version"]?.integer == 2)
  }

  @Test("A queued write expires at the same time as if it had not waited")
  func expiryInQueue() async throws {
    let queue = server.backing.queue
    queue.follow(.keeps)
    let prefer = [("Prefer", "respond-async")]
    #expect(try await server.send("PUT /kv/a?ttl=60", prefer, body: "x").status == 202)
    #expect(try await server.send("PUT /kv/b?ttl=10", prefer, body: "x").status == 202)
    server.backing.clock.advance(seconds: 19)
    try await queue.applyKept()
    #expect(try await server.send("GET /kv/a").text == "x")
    #expect(try await server.send("GET /kv/b").status == 404)
    server.backing.clock.advance(seconds: 42)
    #expect(try await server.send("GET /kv/a").status == 404)
  }

  @Test("Too much work is a 503 with Retry-After, and is not queued")
  func overloaded() async throws {
    server.backing.database.fail(with: .overloaded(retryAfter: 2))
    server.backing.queue.follow(.keeps)
    let answer = try await server.send("PUT /kv/a", body: "x")
    #expect(answer.problem == "overloaded")
    #expect(answer["Retry-After"] == "2")
    #expect(server.backing.queue.kept.isEmpty)
  }

  @Test("A read that finds the database away is a 503, unless the cache knows the key")
  func readsWithoutDatabase() async throws {
    _ = try await server.send("PUT /kv/cached", body: "x")
    server.backing.database.fail(with: away)
    #expect(try await server.send("GET /kv/cached").text == "x")
    for request in [
      "GET /kv/other", "GET /kv", "GET /kv?key=other",
      "GET /operations/0197c0f4-8b2a-7e21-9d0f-3a6b5c4d2e1f",
    ] {
      let answer = try await server.send(request)
      #expect(answer.status == 503, "\(request)")
      #expect(answer["Retry-After"] == "3")
    }
    let fresh = try await server.send("GET /kv/cached", [("Cache-Control", "no-cache")])
    #expect(fresh.status == 503)
  }
}
