import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("A value comes back byte for byte")
struct ValueTests {
  private let server = Server(Backing())

  @Test("A new key is a 201 with its metadata, a replaced one a 200 with the next version")
  func putAndReplace() async throws {
    let first = try await server.send("PUT /kv/a", body: "one")
    #expect(first.status == 201)
    #expect(first["Content-Type"] == "application/json")
    let metadata = try first.json
    #expect(
      metadata.members.map(\.name) == [
        "key", "revision", "version", "size", "content_type", "created_at", "updated_at",
        "expires_at",
      ])
    #expect(metadata["key"]?.string == "a")
    #expect(metadata["version"]?.integer == 1)
    #expect(metadata["size"]?.integer == 3)
    #expect(metadata["content_type"]?.string == "text/plain; charset=utf-8")
    #expect(metadata["expires_at"]?.kind == .null)
    #expect(metadata["created_at"]?.string == metadata["updated_at"]?.string)
    #expect(metadata["revision"]?.integer == first.revision)

    let second = try await server.send("PUT /kv/a", body: "two!")
    #expect(second.status == 200)
    #expect(try second.json["version"]?.integer == 2)
    #expect(try second.json["created_at"]?.string == metadata["created_at"]?.string)
    #expect(try #require(second.revision) > #require(first.revision))
    #expect(try await server.send("GET /kv/a").text == "two!")
  }

  @Test("A read has the fields that the design names")
  func fieldsOfARead() async throws {
    let put = try await server.send("PUT /kv/a", body: "value")
    let get = try await server.send("GET /kv/a")
    #expect(get.status == 200)
    #expect(get["ETag"] == put["ETag"])
    #expect(get["Last-Modified"]?.hasSuffix(" GMT") == true)
    #expect(get["Cache-Control"] == "no-cache")
    #expect(get["Cache-Status"] == "kv; hit")
    #expect(get["X-Content-Type-Options"] == "nosniff")
    #expect(get["Content-Security-Policy"] == "sandbox")
    #expect(get["Expires"] == nil)
  }

  @Test(
    "Cache-Control: no-cache reads the database",
    arguments: [
      ("no-cache", "kv; fwd=miss"), ("max-age=0, No-Cache", "kv; fwd=miss"),
      ("max-age=0", "kv; hit"),
      ("no-store", "kv; hit"),
    ])
  func freshReads(_ field: String, _ status: String) async throws {
    _ = try await server.send("PUT /kv/a", body: "value")
    let get = try await server.send("GET /kv/a", [("Cache-Control", field)])
    #expect(get.text == "value")
    #expect(get["Cache-Status"] == status)
  }

  @Test("All bytes come back as they were sent")
  func allBytes() async throws {
    let value = (0..<1_024).map { UInt8(truncatingIfNeeded: $0 * 7) }
    _ = try await server.send("PUT /kv/a", bytes: value)
    #expect(try await server.send("GET /kv/a").body == value)
  }

  @Test("A PUT without a body stores an empty value")
  func emptyValue() async throws {
    #expect(try await server.send("PUT /kv/a").status == 201)
    let get = try await server.send("GET /kv/a")
    #expect(get.status == 200)
    #expect(get.body.isEmpty)
    #expect(get["Content-Type"] == "text/plain; charset=utf-8")
  }

  @Test(
    "The content type comes back as it was sent; without one, the value decides",
    arguments: [
      (nil, "text", "text/plain; charset=utf-8"), (nil, "é", "text/plain; charset=utf-8"),
      ("application/x-www-form-urlencoded", "text", "text/plain; charset=utf-8"),
      ("Application/X-WWW-Form-URLEncoded; charset=utf-8", "a", "text/plain; charset=utf-8"),
      ("application/json", "{}", "application/json"), ("text/html", "<p>", "text/html"),
      ("Text/HTML; Charset=\"x\"", "<p>", "Text/HTML; Charset=\"x\""),
      ("application/vnd.x+json;v=1", "{", "application/vnd.x+json;v=1"),
    ])
  func contentTypes(_ sent: String?, _ value: String, _ stored: String) async throws {
    let fields = sent.map { [("Content-Type", $0)] } ?? []
    let put = try await server.send("PUT /kv/a", fields, body: value)
    #expect(put.status == 201)
    #expect(try put.json["content_type"]?.string == stored)
    #expect(try await server.send("GET /kv/a")["Content-Type"] == stored)
  }

  @Test(
    "Bytes that are not text, and of which nothing is said, are an octet stream",
    arguments: [
      [], [("Content-Type", "application/x-www-form-urlencoded")],
    ])
  func octetStreams(_ fields: [(String, String)]) async throws {
    _ = try await server.send("PUT /kv/a", fields, bytes: [0xFF, 0xFE])
    #expect(try await server.send("GET /kv/a")["Content-Type"] == "application/octet-stream")
  }

  @Test(
    "A content type that is none is a 400 that names the field",
    arguments: [
      "text", "/", "text/", "/plain", "a b/c", "text/plain/x", "é/x", "(x)/y",
      "text/" + String(repeating: "x", count: 251),
    ])
  func malformedContentTypes(_ type: String) async throws {
    let answer = try await server.send("PUT /kv/a", [("Content-Type", type)], body: "x")
    #expect(answer.status == 400)
    #expect(answer.problem == "invalid-header")
    #expect(try answer.json["header"]?.string == "Content-Type")
    #expect(try await server.send("GET /kv/a").status == 404)
  }

  @Test("Two content types are a 400")
  func twoContentTypes() async throws {
    let fields = [("Content-Type", "text/plain"), ("Content-Type", "text/html")]
    #expect(try await server.send("PUT /kv/a", fields, body: "x").problem == "invalid-header")
  }

  @Test("A deleted key is gone, and is created anew by the next write")
  func deletion() async throws {
    let put = try await server.send("PUT /kv/a", body: "x")
    let delete = try await server.send("DELETE /kv/a")
    #expect(delete.status == 204)
    #expect(delete.body.isEmpty)
    let get = try await server.send("GET /kv/a")
    #expect(get.status == 404)
    #expect(get.problem == "key-not-found")
    #expect(get["Cache-Status"] == "kv; hit")
    #expect(try await server.send("DELETE /kv/a").status == 404)
    let again = try await server.send("PUT /kv/a", body: "y")
    #expect(again.status == 201)
    #expect(try again.json["version"]?.integer == 1)
    #expect(try #require(again.revision) > #require(put.revision))
  }

  @Test("A key that never was is a 404, and deleting it too")
  func missingKeys() async throws {
    #expect(try await server.send("GET /kv/none").problem == "key-not-found")
    #expect(try await server.send("DELETE /kv/none").problem == "key-not-found")
  }

  @Test("A value of the largest size is accepted; one byte more is a 413 before the body is read")
  func largestValue() async throws {
    let largest = [UInt8](repeating: 0x61, count: 1_048_576)
    #expect(try await server.send("PUT /kv/a", bytes: largest).status == 201)
    #expect(try await server.send("GET /kv/a").body == largest)
    let refused = try await server.send("PUT /kv/b", bytes: largest + [0x61])
    #expect(refused.status == 413)
    #expect(refused.isRefusedEarly)
    #expect(refused.problem == "content-too-large")
    #expect(try refused.json["bytes_max"]?.integer == 1_048_576)
    #expect(try await server.send("GET /kv/b").status == 404)
  }

  @Test("The largest value can be configured")
  func configuredSize() async throws {
    var limits = APILimits()
    limits.valueBytesMax = 4
    let server = Server(Backing(), limits: limits)
    #expect(try await server.send("PUT /kv/a", body: "1234").status == 201)
    #expect(try await server.send("PUT /kv/a", body: "12345").status == 413)
  }

  @Test("A stored content type can't smuggle a header field")
  func headerInjection() async throws {
    let batch = """
      {"operations":[{"op":"put","key":"a","value":"x",
      "content_type":"text/plain\\r\\nSet-Cookie: a"}]}
      """
    let answer = try await server.send("POST /batch", body: batch)
    #expect(try answer.json["results"]?.elements[0]["status"]?.integer == 400)
    #expect(try await server.send("GET /kv/a").status == 404)
  }
}

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
