import Testing

@testable import KeyValueAPI

@Suite("Without tokens, a server of this machine answers to its own names only")
struct LocalHostTests {
  private let server = Server(Backing(), isLocalOnly: true)

  static let foreign = [
    "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example:80",
    "xlocalhost", "localhos", "localhost.", "a.localhost", "127.0.0.1x", "1e100.net", "0x7f.1",
    "", ":8080", "local%68ost",
  ]

  @Test("A name that leads here is refused, whatever it asks for", arguments: foreign)
  func refused(host: String) async throws {
    for line in [
      "GET /kv/a", "PUT /kv/a", "GET /kv?prefix=", "GET /health/ready", "GET /metrics", "GET /",
      "OPTIONS /kv/a", "GET /nowhere", "GET /openapi.json",
    ] {
      let answer = try await server.send(line, host: host)
      #expect(answer.status == 403, "\(line)")
      #expect(answer.problem == "foreign-host")
    }
    // Before the body is read.
    let answer = try await server.send("PUT /kv/a", body: "x", host: host)
    #expect(answer.isRefusedEarly)
    #expect(try await server.send("GET /kv/a").status == 404)
  }

  @Test(
    "localhost and addresses are answered",
    arguments: [
      "localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[::1]",
      "192.168.0.7",
    ])
  func answered(host: String) async throws {
    #expect(try await server.send("GET /kv/a", host: host).status == 404)
    #expect(try await server.send("GET /health/ready", host: host).status == 200)
  }

  @Test("Where tokens are wanted, or everybody is meant, any name will do")
  func anyName() async throws {
    let open = Server(Backing())
    #expect(try await open.send("GET /kv/a", host: "kv.example").status == 404)
  }
}
