import Testing

@testable import KeyValueAPI

@Suite("Conditions are those of RFC 9110, section 13")
struct ConditionTests {
  private let server = Server(Backing())

  private func put(_ fields: [(String, String)] = [], _ value: String = "x") async throws -> Answer
  {
    try await server.send("PUT /kv/a", fields, body: value)
  }

  @Test("If-Match writes at its revision, and at no other")
  func ifMatch() async throws {
    let tag = try #require(try await put()["ETag"])
    let second = try await put([("If-Match", tag)], "y")
    #expect(second.status == 200)
    let refused = try await put([("If-Match", tag)], "z")
    #expect(refused.status == 412)
    #expect(refused.problem == "precondition-failed")
    #expect(refused["ETag"] == second["ETag"])
    #expect(try refused.json["revision"]?.integer == second.revision)
    #expect(try await server.send("GET /kv/a").text == "y")
    #expect(try await server.send("DELETE /kv/a", [("If-Match", tag)]).status == 412)
    let current = try #require(second["ETag"])
    #expect(try await put([("If-Match", "\"0\", \(current), \"x\"")], "w").status == 200)
    #expect(try await server.send("DELETE /kv/a", [("If-Match", "*")]).status == 204)
  }

  @Test("If-Match on a missing key is a 412 without ETag", arguments: ["*", "\"1\""])
  func ifMatchOnMissingKey(_ field: String) async throws {
    for method in ["GET", "PUT", "DELETE"] {
      let answer = try await server.send("\(method) /kv/none", [("If-Match", field)])
      #expect(answer.status == 412, "\(method)")
      #expect(answer["ETag"] == nil)
      #expect(try answer.json["revision"] == nil)
    }
  }

  @Test("A weak tag never matches in If-Match")
  func weakIfMatch() async throws {
    let tag = try #require(try await put()["ETag"])
    #expect(try await put([("If-Match", "W/\(tag)")]).status == 412)
    #expect(try await server.send("GET /kv/a", [("If-Match", "W/\(tag)")]).status == 412)
    #expect(try await put([("If-Match", "W/\(tag), \(tag)")]).status == 200)
  }

  @Test("If-None-Match: * creates, and never replaces")
  func ifNoneMatchAny() async throws {
    #expect(try await put([("If-None-Match", "*")]).status == 201)
    let refused = try await put([("If-None-Match", "*")], "y")
    #expect(refused.status == 412)
    #expect(refused["ETag"] != nil)
    #expect(try await server.send("GET /kv/a").text == "x")
  }

  @Test("If-None-Match with tags writes unless one matches, weak or not")
  func ifNoneMatchTags() async throws {
    let tag = try #require(try await put()["ETag"])
    #expect(try await put([("If-None-Match", tag)]).status == 412)
    #expect(try await put([("If-None-Match", "W/\(tag)")]).status == 412)
    #expect(try await put([("If-None-Match", "\"0\", \"x\"")]).status == 200)
  }

  @Test("A GET whose If-None-Match matches is a 304 with the fields of the 200")
  func notModified() async throws {
    let tag = try #require(try await server.send("PUT /kv/a?ttl=60", body: "x")["ETag"])
    for field in [tag, "W/\(tag)", "*", "\"0\", \(tag)", ", \(tag) ,"] {
      let answer = try await server.send("GET /kv/a", [("If-None-Match", field)])
      #expect(answer.status == 304, "\(field)")
      #expect(answer.body.isEmpty)
      #expect(answer["ETag"] == tag)
      #expect(answer["Cache-Control"] == "no-cache")
      #expect(answer["Expires"] != nil)
    }
    #expect(try await server.send("GET /kv/a", [("If-None-Match", "\"0\"")]).status == 200)
    #expect(try await server.send("GET /kv/none", [("If-None-Match", "*")]).status == 404)
  }

  @Test("Tags compare as text: another spelling of the number is another tag")
  func tagsAreText() async throws {
    let revision = try #require(try await put().revision)
    for tag in ["\"0\(revision)\"", "\"+\(revision)\"", "\"\(revision).0\"", "\"\(revision) \""] {
      let answer = try await put([("If-Match", tag)])
      #expect(answer.status == 412 || answer.status == 400, "\(tag)")
    }
    #expect(
      try await server.send("GET /kv/a", [("If-None-Match", "\"0\(revision)\"")]).status == 200)
    #expect(try await put([("If-Match", "\"99999999999999999999\"")]).status == 412)
  }

  @Test("Several fields are one list")
  func severalFields() async throws {
    let tag = try #require(try await put()["ETag"])
    #expect(try await put([("If-Match", "\"0\""), ("If-Match", tag)]).status == 200)
  }

  @Test(
    "A malformed condition is a 400 that names it, and never writes",
    arguments: [
      "", "abc", "123", "\"", "\"1", "1\"", "w/\"1\"", "W/1", "*, \"1\"", "\"1\", *", "\"1\" \"2\"",
      "\"1\";", "**", ",", "W/*", "'1'",
    ])
  func malformed(_ field: String) async throws {
    _ = try await put()
    let calls = server.backing.database.writeCalls
    for name in ["If-Match", "If-None-Match"] {
      for method in ["GET", "PUT", "DELETE"] {
        let answer = try await server.send("\(method) /kv/a", [(name, field)])
        #expect(answer.status == 400, "\(method) \(name): \(field)")
        #expect(answer.problem == "invalid-header")
        #expect(try answer.json["header"]?.string == name)
      }
    }
    #expect(server.backing.database.writeCalls == calls)
  }
}
