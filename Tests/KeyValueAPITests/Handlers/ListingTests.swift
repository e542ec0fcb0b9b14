import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("A list is a page of keys in byte order")
struct ListingTests {
  private let server = Server(Backing())

  private func fill(_ keys: [String]) async throws {
    for key in keys { _ = try await server.send("PUT /kv/\(key)", body: "v\(key)") }
  }

  private func keys(_ answer: Answer) throws -> [String?] {
    try answer.json["items"]?.elements.map { $0["key"]?.string } ?? []
  }

  @Test("Without parameters it is the first hundred entries, without values")
  func defaults() async throws {
    try await fill((0..<101).map { "k\(1_000 + $0)" })
    let answer = try await server.send("GET /kv")
    #expect(answer.status == 200)
    #expect(answer["Content-Type"] == "application/json")
    #expect(try keys(answer).count == 100)
    let item = try #require(try answer.json["items"]?.elements.first)
    #expect(item["value"] == nil)
    #expect(item["revision"]?.integer != nil)
    #expect(answer["Link"] != nil)
  }

  @Test("Pages follow each other by Link without a gap or a repetition")
  func paging() async throws {
    let all = ["a", "a/b", "a%2Fc", "b", "%C3%A9", "%F0%9F%98%80", "~"]
    try await fill(all)
    var target = "/kv?limit=2&values=true"
    var seen: [String?] = []
    var pages = 0
    while true {
      let answer = try await server.send("GET \(target)")
      seen += try keys(answer)
      pages += 1
      let cursor = try answer.json["next_cursor"]?.string
      guard let link = answer["Link"] else {
        #expect(try answer.json["next_cursor"] == nil)
        break
      }
      #expect(link.hasPrefix("</kv?") && link.hasSuffix(">; rel=\"next\""))
      target = String(link.dropFirst().prefix { $0 != ">" })
      #expect(target.contains("cursor=\(try #require(cursor))"))
      #expect(target.contains("values=true"))
    }
    #expect(pages == 4)
    #expect(seen == ["a", "a/b", "a/c", "b", "~", "é", "😀"])
  }

  @Test("A last page that is exactly full has neither Link nor next_cursor")
  func exactlyFull() async throws {
    try await fill(["a", "b"])
    let answer = try await server.send("GET /kv?limit=2")
    #expect(try keys(answer).count == 2)
    #expect(answer["Link"] == nil)
    #expect(try answer.json["next_cursor"] == nil)
  }

  @Test(
    "prefix bounds the list, byte by byte; an empty one means all",
    arguments: [
      ("a%2F", ["a/1", "a/2"]), ("a/", ["a/1", "a/2"]), ("a", ["a", "a/1", "a/2", "ab"]),
      ("", ["a", "a/1", "a/2", "ab", "b"]), ("c", []), ("%C3%A9", []), ("%00", []),
    ])
  func prefixes(_ prefix: String, _ expected: [String]) async throws {
    try await fill(["a", "a/1", "a/2", "ab", "b"])
    #expect(try keys(try await server.send("GET /kv?prefix=\(prefix)")) == expected)
  }

  @Test("The prefix goes along in Link")
  func prefixInLink() async throws {
    try await fill(["x%20y/1", "x%20y/2"])
    let answer = try await server.send("GET /kv?prefix=x%20y/&limit=1")
    let link = try #require(answer["Link"])
    #expect(link.hasPrefix("</kv?prefix=x%20y%2F&limit=1&cursor="))
    let next = try await server.send("GET \(link.dropFirst().prefix { $0 != ">" })")
    #expect(try keys(next) == ["x y/2"])
  }

  @Test("values=true brings values: text as text, other bytes as Base64")
  func values() async throws {
    _ = try await server.send("PUT /kv/a", body: "é\n")
    _ = try await server.send("PUT /kv/b", bytes: [0xFF, 0x00])
    _ = try await server.send("PUT /kv/c")
    let items = try await server.send("GET /kv?values=true").json["items"]?.elements ?? []
    #expect(items.map { $0["value"]?.string } == ["é\n", nil, ""])
    #expect(items.map { $0["value_base64"]?.string } == [nil, "/wA=", nil])
    let without = try await server.send("GET /kv?values=false")
    #expect(try without.json["items"]?.elements[0]["value"] == nil)
  }

  @Test("A page ends before its values grow too large")
  func pageBytes() async throws {
    var limits = APILimits()
    limits.pageBytesMax = 10
    let server = Server(Backing(), limits: limits)
    for key in ["a", "b", "c"] { _ = try await server.send("PUT /kv/\(key)", body: "12345678") }
    let answer = try await server.send("GET /kv?values=true")
    #expect(try keys(answer) == ["a"])
    #expect(answer["Link"] != nil)
  }

  @Test("The bounds of limit are accepted", arguments: ["1", "1000", "0010"])
  func limits(_ limit: String) async throws {
    #expect(try await server.send("GET /kv?limit=\(limit)").status == 200)
  }

  @Test(
    "A malformed parameter is a 400 that names it, with key= too",
    arguments: [
      ("limit", ""), ("limit", "0"), ("limit", "1001"), ("limit", "-1"), ("limit", "ten"),
      ("limit", "1.0"), ("limit", "99999999999999999999"), ("values", ""), ("values", "1"),
      ("values", "True"), ("values", "yes"), ("cursor", ""), ("cursor", "1"), ("cursor", "161"),
      ("cursor", "16"), ("cursor", "261"), ("cursor", "1zz"), ("cursor", "161%20"),
      ("cursor", "1FF"),
      ("cursor", "1ff"), ("cursor", "100"), ("cursor", "1C3A9"), ("prefix", "%FF"),
      ("cursor", "061"), ("cursor", "561"), ("cursor", "361"), ("delimiter", ""),
      ("delimiter", "%FF"), ("delimiter", "12345678901234567"), ("reverse", ""), ("reverse", "1"),
      ("reverse", "True"), ("count", ""), ("count", "yes"),
    ])
  func malformed(_ name: String, _ value: String) async throws {
    // A cursor of one digit pair is well-formed: `161` is the key "a".
    let isValid = value == "161"
    for other in ["", "&key=a"] {
      let answer = try await server.send("GET /kv?\(name)=\(value)\(other)")
      if isValid {
        #expect(answer.problem != "invalid-parameter")
      } else {
        #expect(answer.problem == "invalid-parameter")
        #expect(try answer.json["parameter"]?.string == name)
      }
    }
  }

  @Test("Every cursor that is handed out is taken back")
  func cursors() throws {
    for bytes in [
      [0x20], [0x61, 0x2F, 0x62], Array("é😀".utf8), [UInt8](repeating: 0x7E, count: 1_024),
    ] {
      let key = try Key(validating: bytes)
      for position in [PagePosition.after(key), .afterAll(key), .before(key), .from(key)] {
        #expect(PagePosition(cursor: position.cursor) == position)
      }
    }
  }
}

@Suite("A key is everything behind /kv/, decoded once")
struct KeyTests {
  private let server = Server(Backing())

  @Test(
    "Every spelling of a key is that key, and no other",
    arguments: [
      ("a", "a"), ("a/b", "a/b"), ("a%2Fb", "a/b"), ("a%2fb", "a/b"), ("%61", "a"), ("a+b", "a+b"),
      ("a%2Bb", "a+b"), ("a%20b", "a b"), ("%2520", "%20"), (".", "."), ("..", ".."),
      ("../x", "../x"), ("a/./b", "a/./b"), ("a/../b", "a/../b"), ("/a", "/a"), ("//", "//"),
      ("a//b", "a//b"), ("a/", "a/"), ("%2F", "/"), ("%C3%A9", "é"), ("%F0%9F%98%80", "😀"),
      ("a;b=c", "a;b=c"), ("a%3Fb", "a?b"), ("a%23b", "a#b"), ("~-._!$&'()*,:@", "~-._!$&'()*,:@"),
      ("%7E", "~"), ("%C2%80", "\u{80}"), ("kv/kv/", "kv/kv/"),
    ])
  func spellings(_ path: String, _ key: String) async throws {
    let put = try await server.send("PUT /kv/\(path)", body: "value")
    #expect(put.status == 201)
    #expect(try put.json["key"]?.string == key)
    let list = try await server.send("GET /kv")
    #expect(try list.json["items"]?.elements.map { $0["key"]?.string } == [key])
    #expect(try await server.send("GET /kv/\(path)").text == "value")
  }

  @Test(
    "What is no key is refused, for every method",
    arguments: [
      ("", 400, "invalid-key"), ("%FF", 400, "invalid-key"), ("%C3", 400, "invalid-key"),
      ("%ED%A0%80", 400, "invalid-key"), ("%C0%80", 400, "invalid-key"),
      ("%00", 400, "invalid-key"),
      ("a%00b", 400, "invalid-key"), ("%1F", 400, "invalid-key"), ("%7F", 400, "invalid-key"),
      ("%0A", 400, "invalid-key"), ("%", 400, "invalid-key"), ("%2", 400, "invalid-key"),
      ("%zz", 400, "invalid-key"), ("a%", 400, "invalid-key"),
      (String(repeating: "k", count: 1_025), 414, "key-too-long"),
      (String(repeating: "%6B", count: 1_025), 414, "key-too-long"),
      (String(repeating: "%C3%A9", count: 513), 414, "key-too-long"),
    ])
  func invalidKeys(_ path: String, _ status: Int, _ problem: String) async throws {
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
      let answer = try await server.send("\(method) /kv/\(path)")
      #expect(answer.status == status, "\(method)")
      #expect(answer.problem == problem)
    }
    #expect(server.backing.database.writeCalls == 0)
  }

  @Test(
    "A key of 1,024 bytes is accepted, however it is spelt",
    arguments: [
      String(repeating: "k", count: 1_024), String(repeating: "%6B", count: 1_024),
      String(repeating: "%C3%A9", count: 512),
    ])
  func longestKey(_ path: String) async throws {
    #expect(try await server.send("PUT /kv/\(path)", body: "v").status == 201)
    #expect(try await server.send("GET /kv/\(path)").text == "v")
  }
}
