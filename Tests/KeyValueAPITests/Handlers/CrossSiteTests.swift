import Testing

@testable import KeyValueAPI

@Suite("Without tokens, pages of other sites can't write")
struct CrossSiteTests {
  private let server = Server(Backing())
  private static let batch = #"{"operations":[{"op":"put","key":"a","value":"v"}]}"#

  static let foreign: [[(String, String)]] = [
    [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
    [("Origin", "https://example.org")], [("Origin", "null")], [("Origin", "localhost")],
    [("Origin", "http://localhost:1")],
  ]

  @Test("A write that another site's page sends is refused", arguments: foreign.indices)
  func refused(index: Int) async throws {
    let answer = try await server.send("POST /batch", Self.foreign[index], body: Self.batch)
    #expect(answer.status == 403)
    #expect(try await server.send("GET /kv/a").status == 404)
    for line in ["PUT /kv/a", "DELETE /kv/a", "DELETE /kv?key=a"] {
      #expect(try await server.send(line, Self.foreign[index]).status == 403, "\(line)")
    }
  }

  @Test("The server's own pages, people and programs write")
  func allowed() async throws {
    let own: [[(String, String)]] = [
      [], [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")],
      [("Origin", "http://localhost")], [("Origin", "HTTP://LOCALHOST")],
    ]
    for fields in own {
      #expect(try await server.send("POST /batch", fields, body: Self.batch).status == 200)
    }
  }

  @Test("Reading is for everybody")
  func reading() async throws {
    for fields in Self.foreign {
      #expect(try await server.send("GET /health/live", fields).status == 200)
      #expect(try await server.send("GET /kv/a", fields).status == 404)
    }
  }
}
