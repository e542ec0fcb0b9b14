import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("The JSON form is what the predecessor of this system speaks")
struct JSONFormTests {
  private let server = Server(Backing())

  private func put(_ value: String, key: String = "k") async throws -> Answer {
    try await server.send("PUT /kv", body: #"{"data":{"key":"\#(key)","value":\#(value)}}"#)
  }

  @Test("A PUT is a 202 with its operation, which is applied")
  func put() async throws {
    let answer = try await put("\"v\"")
    #expect(answer.status == 202)
    #expect(try answer.json["detail"]?.string == "queued")
    let id = try #require(try answer.json["operation"]?.string)
    #expect(answer["Location"] == "/operations/\(id)")
    let operation = try await server.send("GET /operations/\(id)").json
    #expect(operation["status"]?.string == "applied")
    #expect(operation["operation"]?.string == id)
    #expect(operation["revision"]?.integer != nil)
  }

  @Test("A GET has the value and says who answered")
  func get() async throws {
    _ = try await put("\"v\"")
    let answer = try await server.send("GET /kv?key=k")
    #expect(answer.status == 200)
    #expect(answer.text == #"{"data":{"value":"v","source":"cache"}}"#)
    let fresh = try await server.send("GET /kv?key=k", [("Cache-Control", "no-cache")])
    #expect(fresh.text == #"{"data":{"value":"v","source":"database"}}"#)
  }

  @Test("A DELETE is a 202, and a 404 when there is nothing to delete")
  func delete() async throws {
    _ = try await put("\"v\"")
    let answer = try await server.send("DELETE /kv?key=k")
    #expect(answer.status == 202)
    #expect(answer.text == #"{"detail":"queued"}"#)
    #expect(try await server.send("GET \(try #require(answer["Location"]))").status == 200)
    let again = try await server.send("DELETE /kv?key=k")
    #expect(again.status == 404)
    #expect(try again.json["detail"]?.string == "Key not found")
    #expect(server.backing.database.writeCalls == 2)
    let get = try await server.send("GET /kv?key=k")
    #expect(get.status == 404)
    #expect(try get.json["detail"]?.string == "Key not found")
  }

  @Test(
    "A value that is no string comes back as the JSON that it was, to the last digit",
    arguments: [
      "1", "1.0", "12345678901234567890", "0.1000000000000000055511151231257827", "1E400", "true",
      "false", "[]", "{}", #"[ 1 , {"b" : null} ]"#, #"{"a":"\u00e9","n":-0.0}"#,
    ])
  func values(_ value: String) async throws {
    #expect(try await put(value).status == 202)
    let answer = try await server.send("GET /kv?key=k")
    #expect(answer.text == #"{"data":{"value":\#(value),"source":"cache"}}"#)
    let bytes = try await server.send("GET /kv/k")
    #expect(bytes.text == value)
    #expect(bytes["Content-Type"] == "application/json")
  }

  @Test(
    "A string is stored as its text",
    arguments: [
      (#""""#, ""), (#""a\u0000b""#, "a\0b"), (#""\ud83d\ude00""#, "😀"),
      (#""{\"a\":1}""#, "{\"a\":1}"),
    ])
  func strings(_ value: String, _ stored: String) async throws {
    _ = try await put(value)
    let bytes = try await server.send("GET /kv/k")
    #expect(bytes.text == stored)
    #expect(bytes["Content-Type"] == "text/plain; charset=utf-8")
    let json = try await server.send("GET /kv?key=k").json
    #expect(json["data"]?["value"]?.string == stored)
  }

  @Test("What is stored as JSON is JSON; what only claims to be is text; bytes are Base64")
  func foreignValues() async throws {
    let type = [("Content-Type", "Application/JSON; charset=utf-8")]
    _ = try await server.send("PUT /kv/a", type, body: "{\"x\":1.0}")
    #expect(try await server.send("GET /kv?key=a").text.hasPrefix(#"{"data":{"value":{"x":1.0},"#))
    _ = try await server.send("PUT /kv/b", type, body: "{oops")
    #expect(try await server.send("GET /kv?key=b").json["data"]?["value"]?.string == "{oops")
    _ = try await server.send("PUT /kv/c", type, bytes: [0xFF])
    let bytes = try await server.send("GET /kv?key=c").json["data"]
    #expect(bytes?["value_base64"]?.string == "/w==")
    #expect(bytes?["value"] == nil)
  }

  @Test(
    "Without key or value it is a 400 that says so",
    arguments: [
      "{}", "[]", "1", #"{"data":null}"#, #"{"data":[]}"#, #"{"data":{}}"#,
      #"{"data":{"key":"k"}}"#,
      #"{"data":{"value":"v"}}"#, #"{"data":{"key":null,"value":"v"}}"#,
      #"{"data":{"key":"k","value":null}}"#, #"{"key":"k","value":"v"}"#,
    ])
  func missing(_ body: String) async throws {
    let answer = try await server.send("PUT /kv", body: body)
    #expect(answer.status == 400)
    #expect(try answer.json["detail"]?.string == "key & value required")
  }

  @Test(
    "Any other mistake is a 400 with a problem of its own, and nothing is stored",
    arguments: [
      ("", "invalid-json"), ("{", "invalid-json"),
      (#"{"data":{"key":1,"value":"v"}}"#, "invalid-document"),
      (#"{"data":{"key":"","value":"v"}}"#, "invalid-key"),
      (#"{"data":{"key":"a\u0000","value":"v"}}"#, "invalid-key"),
      (#"{"data":{"key":"k","value":"v","ttl":60}}"#, "invalid-document"),
      (#"{"data":{"key":"k","value":"v"},"x":1}"#, "invalid-document"),
      (#"{"data":{"key":"k","key":"k","value":"v"}}"#, "invalid-json"),
      (#"{"data":{"key":"k","value":"\ud800"}}"#, "invalid-json"),
      (#"{"data":{"key":"k","value":01}}"#, "invalid-json"),
    ])
  func mistakes(_ body: String, _ problem: String) async throws {
    let answer = try await server.send("PUT /kv", body: body)
    #expect(answer.status == 400)
    #expect(answer.problem == problem)
    #expect(server.backing.database.writeCalls == 0)
  }

  @Test("Bounds hold here too")
  func bounds() async throws {
    let key = String(repeating: "k", count: 1_025)
    #expect(try await put("1", key: key).status == 414)
    #expect(try await server.send("GET /kv?key=\(key)").status == 414)
    #expect(try await server.send("DELETE /kv?key=\(key)").status == 414)
    let value = String(repeating: "v", count: 1_048_577)
    #expect(try await put("\"\(value)\"").status == 413)
    #expect(try await put("\"\(value.dropLast())\"").status == 202)
  }

  @Test("DELETE wants a key", arguments: ["DELETE /kv", "DELETE /kv?key="])
  func deleteWithoutKey(_ line: String) async throws {
    #expect(try await server.send(line).status == 400)
  }

  @Test("Conditions hold here too")
  func conditions() async throws {
    let body = #"{"data":{"key":"k","value":"v"}}"#
    let fields = [("If-None-Match", "*")]
    #expect(try await server.send("PUT /kv", fields, body: body).status == 202)
    let refused = try await server.send("PUT /kv", fields, body: body)
    #expect(refused.status == 412)
    #expect(refused.revision != nil)
    #expect(try await server.send("PUT /kv", [("If-Match", "x")], body: body).status == 400)
    #expect(try await server.send("DELETE /kv?key=k", [("If-Match", "\"1\"")]).status == 412)
    #expect(try await server.send("DELETE /kv?key=x", [("If-Match", "*")]).status == 412)
  }

  @Test("With the database away a DELETE goes to the queue, which finds out")
  func databaseAway() async throws {
    server.backing.database.fail(with: .unavailable(cause: "gone", retryAfter: 1))
    server.backing.queue.follow(.keeps)
    #expect(try await server.send("DELETE /kv?key=k").status == 202)
    #expect(try await put("1").status == 202)
    server.backing.queue.follow(.fails(.unavailable(cause: "gone", retryAfter: 1)))
    #expect(try await put("1").status == 503)
    #expect(try await server.send("DELETE /kv?key=k").status == 503)
  }

  @Test("With the queue away it is carried out at once, as plain writes are")
  func queueAway() async throws {
    server.backing.queue.follow(.fails(.unavailable(cause: "gone", retryAfter: 1)))
    let stored = try await put("\"v\"")
    #expect(stored.status == 202)
    #expect(stored.text == #"{"detail":"queued"}"#)
    #expect(stored["Location"] == nil)
    #expect(try await server.send("GET /kv/k").text == "v")
    let body = #"{"data":{"key":"k","value":"v"}}"#
    #expect(try await server.send("PUT /kv", [("If-None-Match", "*")], body: body).status == 412)
    #expect(try await server.send("DELETE /kv?key=k").status == 202)
    #expect(try await server.send("DELETE /kv?key=k").status == 404)
  }

  @Test("Too much work in the queue is a 503, and nothing is carried out beside it")
  func queueOverloaded() async throws {
    server.backing.queue.follow(.fails(.overloaded(retryAfter: 1)))
    #expect(try await put("1").problem == "overloaded")
    #expect(server.backing.database.writeCalls == 0)
  }

  @Test("The DELETE of a key whose PUT is still queued is queued behind it")
  func deleteBehindPut() async throws {
    let queue = server.backing.queue
    queue.follow(.keeps)
    #expect(try await put("\"v\"").status == 202)
    // No worker applies them in time, so the handler can't know whether there is something to
    // delete.
    let late = try await server.send("DELETE /kv?key=k")
    #expect(late.status == 202)
    #expect(late.text == #"{"detail":"queued"}"#)
    #expect(server.backing.pauses.all.reduce(.zero, +) == .milliseconds(2_100))
    try await queue.applyKept()
    #expect(try await server.send("GET /kv/k").status == 404)
    let operation = try await server.send("GET \(try #require(late["Location"]))").json
    #expect(operation["status"]?.string == "applied")

    // It is applied a moment later: the DELETE goes behind it for sure.
    _ = try await put("\"v\"")
    server.backing.pauses.during { _ in try? await queue.applyKept() }
    #expect(try await server.send("DELETE /kv?key=k").status == 202)
    #expect(queue.kept.count == 1)
    try await queue.applyKept()
    #expect(try await server.send("GET /kv/k", [("Cache-Control", "no-cache")]).status == 404)

    // Later than that: they are applied together, in their order.
    _ = try await put("\"v\"")
    server.backing.pauses.during { _ in if queue.kept.count == 2 { try? await queue.applyKept() } }
    #expect(try await server.send("DELETE /kv?key=k").status == 202)
    #expect(try await server.send("GET /kv/k", [("Cache-Control", "no-cache")]).status == 404)

    server.backing.pauses.during { _ in try? await queue.applyKept() }
    // Behind nothing it finds nothing.
    #expect(try await server.send("DELETE /kv?key=k").status == 404)
    #expect(try await server.send("DELETE /kv?key=k", [("If-Match", "*")]).status == 412)
  }

  @Test("The DELETE of a key that is there does not wait")
  func deleteAtOnce() async throws {
    _ = try await put("\"v\"")
    server.backing.queue.follow(.keeps)
    #expect(try await server.send("DELETE /kv?key=k").status == 202)
    #expect(server.backing.pauses.all.isEmpty)
  }
}
