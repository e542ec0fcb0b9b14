import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("A list can be folded at a delimiter, and go backwards")
struct FoldingTests {
  private let server = Server(Backing())

  private func fill(_ keys: [String]) async throws {
    for key in keys { _ = try await server.send("PUT /kv/\(key)", body: "v\(key)") }
  }

  private func keys(_ answer: Answer) throws -> [String?] {
    try answer.json["items"]?.elements.map { $0["key"]?.string } ?? []
  }

  private func prefixes(_ answer: Answer) throws -> [String?]? {
    try answer.json["prefixes"]?.elements.map(\.string)
  }

  @Test("delimiter folds keys into prefixes; without it there are none")
  func folding() async throws {
    try await fill(["a", "a/", "a/b/c", "b/1", "b/2", "//x"])
    let all = try await server.send("GET /kv?delimiter=/")
    #expect(try keys(all) == ["a"])
    #expect(try prefixes(all) == ["/", "a/", "b/"])
    let inside = try await server.send("GET /kv?delimiter=%2F&prefix=a/&values=true")
    #expect(try keys(inside) == ["a/"])
    #expect(try inside.json["items"]?.elements[0]["value"]?.string == "va/")
    #expect(try prefixes(inside) == ["a/b/"])
    let none = try await server.send("GET /kv?prefix=c&delimiter=/")
    #expect(try prefixes(none) == [])
    #expect(try prefixes(try await server.send("GET /kv")) == nil)
  }

  @Test("A delimiter has up to 16 bytes", arguments: ["::", "%F0%9F%98%80", "1234567890123456"])
  func delimiters(_ delimiter: String) async throws {
    try await fill(["a\(delimiter)b", "c"])
    let answer = try await server.send("GET /kv?delimiter=\(delimiter)")
    #expect(try keys(answer) == ["c"])
    #expect(try prefixes(answer)?.count == 1)
  }

  @Test("Link repeats every parameter, and leads through all pages", arguments: [false, true])
  func paging(isReversed: Bool) async throws {
    try await fill(["x/a", "x/b/1", "x/b/2", "x/c", "x/d/1", "x/e", "y"])
    let expected = ["x/a", "x/b/", "x/c", "x/d/", "x/e"]
    for limit in 1...5 {
      let order = isReversed ? "&reverse=true" : ""
      let fixed = "prefix=x%2F&delimiter=%2F\(order)&limit=\(limit)&values=true"
      var target = "/kv?\(fixed)"
      var seen: [String] = []
      while true {
        let answer = try await server.send("GET \(target)")
        let names = try (keys(answer) + (prefixes(answer) ?? [])).compactMap { $0 }.sorted()
        #expect(names.count <= limit)
        seen += isReversed ? names.reversed() : names
        guard let link = answer["Link"] else { break }
        #expect(link.hasPrefix("</kv?\(fixed)&cursor="))
        target = String(link.dropFirst().prefix { $0 != ">" })
      }
      #expect(seen == (isReversed ? expected.reversed() : expected))
    }
  }

  @Test("A cursor of another direction, or of another delimiter, is a 400 that names it")
  func unfit() async throws {
    try await fill(["a/1", "b/1", "c/1"])
    let folded = try await server.send("GET /kv?delimiter=/&limit=1")
    let place = try #require(try folded.json["next_cursor"]?.string)
    #expect(try await server.send("GET /kv?delimiter=/&cursor=\(place)").status == 200)
    let back = try await server.send("GET /kv?reverse=true&limit=1")
    let backwards = try #require(try back.json["next_cursor"]?.string)
    #expect(try await server.send("GET /kv?reverse=true&cursor=\(backwards)").status == 200)
    for query in [
      "cursor=\(place)", "delimiter=/&reverse=true&cursor=\(place)",
      "delimiter=::&cursor=\(place)", "delimiter=/&prefix=b&cursor=\(place)",
      "cursor=\(backwards)", "reverse=true&cursor=161", "reverse=false&cursor=361",
    ] {
      let answer = try await server.send("GET /kv?\(query)")
      #expect(answer.problem == "invalid-parameter", "\(query)")
      #expect(try answer.json["parameter"]?.string == "cursor")
    }
  }

  @Test("A page that becomes too large keeps the prefixes before its last entry")
  func answerBytes() async throws {
    var limits = APILimits()
    limits.answerBytesMax = 100
    let server = Server(Backing(), limits: limits)
    for key in ["a", "b/1", "c", "d/1", "e"] {
      _ = try await server.send("PUT /kv/\(key)", body: "12345678")
    }
    var target = "/kv?delimiter=/"
    var pages: [[String?]] = []
    while true {
      let answer = try await server.send("GET \(target)")
      pages.append(try keys(answer) + (prefixes(answer) ?? []))
      guard let link = answer["Link"] else { break }
      target = String(link.dropFirst().prefix { $0 != ">" })
    }
    #expect(pages == [["a"], ["c", "b/"], ["e", "d/"]])
  }

  @Test("count=true counts the keys under a prefix")
  func counting() async throws {
    try await fill(["a", "b/1", "b/2", "c"])
    #expect(try await server.send("GET /kv?count=true").text == #"{"count":4}"#)
    #expect(try await server.send("GET /kv?count=true&prefix=b/").text == #"{"count":2}"#)
    #expect(try await server.send("GET /kv?prefix=none&count=true").text == #"{"count":0}"#)
    #expect(try keys(try await server.send("GET /kv?count=false&limit=1")) == ["a"])
  }

  @Test(
    "count=true takes only prefix",
    arguments: ["limit=5", "values=true", "delimiter=/", "reverse=false", "key=a", "cursor=161"])
  func onlyPrefix(_ other: String) async throws {
    let answer = try await server.send("GET /kv?count=true&\(other)")
    #expect(answer.problem == "invalid-parameter")
    #expect(try answer.json["parameter"]?.string == String(other.prefix { $0 != "=" }))
  }

  @Test("While the database is away, a count is a 503")
  func countWithoutDatabase() async throws {
    server.backing.database.fail(with: .unavailable(cause: "away", retryAfter: 3))
    let answer = try await server.send("GET /kv?count=true")
    #expect(answer.status == 503)
    #expect(answer["Retry-After"] == "3")
  }
}
