import Testing

@testable import KeyValueAPI

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
