import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("ttl bounds the life of an entry")
struct TimeToLiveTests {
  private let server = Server(makeBacking())

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
}
