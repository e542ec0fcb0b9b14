import KeyValueStore
import Testing

@testable import HTTP
@testable import KeyValueAPI

@Suite("Operators can ask how the server is")
struct OperatingTests {
  private let server = Server(Backing())
  private let away = StoreError.unavailable(cause: "host db1 is gone", retryAfter: 1)

  @Test("All well is healthy, alive and ready")
  func healthy() async throws {
    let health = try await server.send("GET /health")
    #expect(health.status == 200)
    #expect(
      health.text == """
        {"status":"healthy","components":{"database":{"status":"healthy"},\
        "cache":{"status":"healthy"},"queue":{"status":"healthy"}}}
        """)
    #expect(try await server.send("GET /health/live").text == #"{"status":"alive"}"#)
    #expect(try await server.send("GET /health/ready").text == #"{"status":"ready"}"#)
  }

  @Test("Without a queue the server is degraded, and ready")
  func degraded() async throws {
    server.backing.queue.follow(.fails(away))
    let health = try await server.send("GET /health")
    #expect(health.status == 200)
    #expect(try health.json["status"]?.string == "degraded")
    #expect(try health.json["components"]?["queue"]?["status"]?.string == "unhealthy")
    #expect(!health.text.contains("db1"))
    #expect(try await server.send("GET /health/ready").status == 200)
  }

  @Test("Without a database the server is unhealthy and not ready, but alive")
  func unhealthy() async throws {
    server.backing.database.fail(with: away)
    let health = try await server.send("GET /health")
    #expect(health.status == 503)
    #expect(try health.json["status"]?.string == "unhealthy")
    #expect(health["Retry-After"] == "1")
    let ready = try await server.send("GET /health/ready")
    #expect(ready.status == 503)
    #expect(ready.problem == "unavailable")
    #expect(ready["Retry-After"] == "1")
    #expect(try await server.send("GET /health/live").status == 200)
  }

  @Test("A server that drains is not ready")
  func draining() async throws {
    let server = Server(Backing(), isDraining: true)
    let ready = try await server.send("GET /health/ready")
    #expect(ready.status == 503)
    #expect(ready.problem == "unavailable")
    #expect(try await server.send("GET /health/live").status == 200)
    let watch = try await server.send("GET /watch")
    #expect(watch.status == 503 && watch.problem == "unavailable")
    #expect(watch["Retry-After"] == "1")
  }

  @Test("While too many answers wait for slow readers, reads get 503 and writes go on")
  func crowded() async throws {
    let server = Server(Backing(), isCrowded: true)
    for line in ["GET /kv/a", "HEAD /kv/a", "GET /kv?prefix="] {
      let answer = try await server.send(line)
      #expect(answer.status == 503)
      #expect(answer["Retry-After"] != nil, "\(line)")
    }
    #expect(try await server.send("PUT /kv/a", body: "x").status == 201)
    #expect(try await server.send("GET /health/ready").status == 200)
  }

  @Test("Probes write nothing")
  func probesWriteNothing() async throws {
    for _ in 0..<10 { _ = try await server.send("GET /health") }
    #expect(server.backing.database.writeCalls == 0)
  }

  @Test("Each look-up counts once as a hit or a miss")
  func statistics() async throws {
    let before = try await server.send("GET /cache/stats").json
    #expect(
      before.members.map(\.name) == [
        "keys_count", "max_keys_limit", "memory_used_bytes", "max_memory_bytes", "hit_rate",
        "cache_hits", "cache_misses",
      ])
    _ = try await server.send("PUT /kv/a", body: "x")
    for _ in 0..<3 { _ = try await server.send("GET /kv/a") }
    _ = try await server.send("GET /kv/none")
    let after = try await server.send("GET /cache/stats").json
    #expect(after["cache_hits"]?.integer == 3)
    #expect(after["cache_misses"]?.integer == 1)
    #expect(after["hit_rate"].map { String(decoding: $0.text, as: UTF8.self) } == "0.7500")
  }

  @Test("Metrics are Prometheus' text")
  func metrics() async throws {
    let answer = try await server.send("GET /metrics")
    #expect(answer.status == 200)
    #expect(answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
    #expect(answer.text == "up 1\n")
  }

  @Test(
    "An unknown operation is a 404",
    arguments: [
      "x", "", "0197c0f4-8b2a-7e21-9d0f-3a6b5c4d2e1f", "0197c0f4-8b2a-7e21-9d0f-3a6b5c4d2e1f/x",
      "%30197c0f4-8b2a-7e21-9d0f-3a6b5c4d2e1f",
    ])
  func unknownOperations(_ id: String) async throws {
    let answer = try await server.send("GET /operations/\(id)")
    #expect(answer.status == 404)
    #expect(answer.problem == "operation-not-found")
  }

  @Test(
    "What HTTP itself refuses is a problem document too",
    arguments: [
      (Status.badRequest, "malformed-request"), (.requestTimeout, "request-timeout"),
      (.contentTooLarge, "content-too-large"), (.uriTooLong, "uri-too-long"),
      (.expectationFailed, "expectation-failed"), (.headerFieldsTooLarge, "header-too-large"),
      (.internalServerError, "internal-error"), (.notImplemented, "not-implemented"),
      (.serviceUnavailable, "overloaded"), (.versionNotSupported, "version-not-supported"),
    ])
  func refusalsOfHTTP(_ status: Status, _ type: String) async {
    let answer = await server.answer(to: HTTPProblem(status, "Change this."))
    #expect(answer.status == status.code)
    #expect(answer.problem == type)
    #expect((answer["Retry-After"] != nil) == (status == .serviceUnavailable))
  }

  @Test("A body where none is expected is read up to a bound, and ignored")
  func unexpectedBodies() async throws {
    #expect(try await server.send("GET /health", body: "x").status == 200)
    let large = [UInt8](repeating: 0, count: 65_537)
    #expect(try await server.send("GET /health", bytes: large).status == 413)
  }
}
