import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("ttl bounds the life of an entry")
struct TimeToLiveTests {
  private let server = Server(Backing())

  @Test("An entry with a ttl says when it expires")
  func expires() async throws {
    let put = try await server.send("PUT /kv/a?ttl=60", body: "x")
    #expect(put.status == 201)
    #expect(try put.json["expires_at"]?.string?.hasSuffix("Z") == true)
    #expect(try await server.send("GET /kv/a")["Expires"]?.hasSuffix(" GMT") == true)
    let again = try await server.send("PUT /kv/a", body: "x")
    #expect(try again.json["expires_at"]?.kind == .null)
  }

  @Test("The bounds are accepted", arguments: ["1", "315360000", "0060"])
  func bounds(_ ttl: String) async throws {
    #expect(try await server.send("PUT /kv/a?ttl=\(ttl)", body: "x").status == 201)
  }

  @Test(
    "Any other ttl is a 400 that names it, and stores nothing",
    arguments: [
      "", "0", "-1", "+1", "315360001", "1.5", "1e3", "60s", "99999999999999999999", "%20", "1%200",
      "0x10", "%D9%A1",
    ])
  func malformed(_ ttl: String) async throws {
    let answer = try await server.send("PUT /kv/a?ttl=\(ttl)", body: "x")
    #expect(answer.status == 400)
    #expect(answer.problem == "invalid-parameter")
    #expect(try answer.json["parameter"]?.string == "ttl")
    #expect(answer.isRefusedEarly)
    #expect(try await server.send("GET /kv/a").status == 404)
  }

  @Test("From its expiry on an entry is absent everywhere, purged or not")
  func expired() async throws {
    _ = try await server.send("PUT /kv/a?ttl=3600", body: "x")
    _ = try await server.send("PUT /kv/b", body: "y")
    server.backing.clock.advance(seconds: 1_800)
    #expect(try await server.send("GET /kv/a").status == 200)
    server.backing.clock.advance(seconds: 1_800)
    for line in ["GET /kv/a", "HEAD /kv/a", "GET /kv?key=a", "DELETE /kv/a", "DELETE /kv?key=a"] {
      #expect(try await server.send(line).status == 404, "\(line)")
    }
    let fresh = try await server.send("GET /kv/a", [("Cache-Control", "no-cache")])
    #expect(fresh.status == 404)
    let list = try await server.send("GET /kv")
    #expect(try list.json["items"]?.elements.map { $0["key"]?.string } == ["b"])
    let get = #"{"operations":[{"op":"get","key":"a"},{"op":"delete","key":"a"}]}"#
    let results = try await server.send("POST /batch", body: get).json["results"]?.elements
    #expect(results?.map { $0["status"]?.integer } == [404, 404])
    #expect(try await server.send("PUT /kv/a", [("If-Match", "*")], body: "z").status == 412)
    let again = try await server.send("PUT /kv/a", [("If-None-Match", "*")], body: "z")
    #expect(again.status == 201)
    #expect(try again.json["version"]?.integer == 1)
  }

  @Test("A batch can give a ttl too")
  func batches() async throws {
    let body = #"{"operations":[{"op":"put","key":"a","value":"x","ttl":60}]}"#
    _ = try await server.send("POST /batch", body: body)
    #expect(try await server.send("GET /kv/a").status == 200)
    server.backing.clock.advance(seconds: 61)
    #expect(try await server.send("GET /kv/a").status == 404)
  }
}
