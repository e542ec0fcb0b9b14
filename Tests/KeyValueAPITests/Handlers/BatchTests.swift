import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("A batch carries out its operations in order")
struct BatchTests {
  private let server = Server(Backing())

  private func batch(_ operations: String, atomic: Bool? = nil) async throws -> Answer {
    let flag = atomic.map { "\"atomic\":\($0)," } ?? ""
    return try await server.send("POST /batch", body: "{\(flag)\"operations\":[\(operations)]}")
  }

  private func results(_ answer: Answer) throws -> [JSONValue] {
    try #require(try answer.json["results"]?.elements)
  }

  private func statuses(_ answer: Answer) throws -> [Int64?] {
    try results(answer).map { $0["status"]?.integer }
  }

  @Test("Each kind of operation has its result", arguments: [nil, false, true])
  func kinds(_ atomic: Bool?) async throws {
    let answer = try await batch(
      """
      {"op":"put","key":"a","value":"1"},{"op":"put","key":"a","value":"2","ttl":60},
      {"op":"get","key":"a"},{"op":"delete","key":"a"},{"op":"get","key":"a"},
      {"op":"delete","key":"a"},{"op":"put","key":"b","value_base64":"/wA=","content_type":"x/y"},
      {"op":"get","key":"b"},{"op":"put","key":"a","value":"3"}
      """, atomic: atomic)
    #expect(answer.status == 200)
    #expect(try statuses(answer) == [201, 200, 200, 204, 404, 404, 201, 200, 201])
    let results = try results(answer)
    #expect(results[0].members.map(\.name) == ["status", "revision", "version"])
    #expect(results[1]["version"]?.integer == 2)
    #expect(results[2]["value"]?.string == "2")
    #expect(results[2]["key"]?.string == "a")
    #expect(results[2]["revision"]?.integer == results[1]["revision"]?.integer)
    #expect(results[2]["expires_at"]?.kind == .string)
    #expect(results[2]["content_type"]?.string == "text/plain; charset=utf-8")
    #expect(results[4]["type"]?.string == "/docs#key-not-found")
    #expect(results[4]["index"]?.integer == 4)
    #expect(results[7]["value_base64"]?.string == "/wA=")
    #expect(results[7]["content_type"]?.string == "x/y")
    #expect(results[8]["version"]?.integer == 1)
    #expect(try await server.send("GET /kv/b").body == [0xFF, 0])
  }

  @Test("add adds, and its result has the sum", arguments: [nil, false, true])
  func additions(_ atomic: Bool?) async throws {
    let answer = try await batch(
      """
      {"op":"add","key":"a","amount":9223372036854775806},{"op":"add","key":"a","amount":1},
      {"op":"get","key":"a"},{"op":"add","key":"b","amount":-2,"ttl":60,"content_type":"x/y"},
      {"op":"get","key":"b"},{"op":"add","key":"b","amount":0,"ttl":null,"if_match":"*"},
      {"op":"get","key":"b"},{"op":"add","key":"c","amount":-0,"if_none_match":"*"}
      """, atomic: atomic)
    #expect(try statuses(answer) == [201, 200, 200, 201, 200, 200, 200, 201])
    let results = try results(answer)
    #expect(results[1].members.map(\.name) == ["status", "revision", "version", "value"])
    #expect(results[1]["value"]?.integer == .max && results[2]["value"]?.string == "\(Int64.max)")
    #expect(results[3]["value"]?.integer == -2)
    #expect(results[4]["expires_at"]?.kind == .string)
    #expect(results[4]["content_type"]?.string == "x/y")
    #expect(results[6]["expires_at"]?.kind == .null && results[6]["version"]?.integer == 2)
    #expect(try await server.send("GET /kv/c").text == "0")
  }

  @Test("What can't be added to is a 409 that names its index, and undoes an atomic batch")
  func refusedAdditions() async throws {
    _ = try await server.send("PUT /kv/text", body: "x")
    _ = try await server.send("PUT /kv/full", body: "9223372036854775807")
    for (key, problem) in [("text", "not-an-integer"), ("full", "integer-overflow")] {
      let operations = """
        {"op":"put","key":"\(key)-b","value":"1"},{"op":"add","key":"\(key)","amount":1}
        """
      let atomic = try await batch(operations, atomic: true)
      #expect(atomic.status == 409)
      #expect(atomic.problem == problem)
      #expect(try atomic.json["index"]?.integer == 1)
      #expect(try await server.send("GET /kv/\(key)-b").status == 404)
      let single = try await batch(operations)
      #expect(try statuses(single) == [201, 409])
      #expect(try results(single)[1]["type"]?.string == "/docs#\(problem)")
      #expect(try results(single)[1]["index"]?.integer == 1)
    }
  }

  @Test("A batch of nothing is fine")
  func empty() async throws {
    let answer = try await batch("")
    #expect(answer.status == 200)
    #expect(try results(answer).isEmpty)
  }

  @Test("A failed condition undoes an atomic batch, and is a 412 that names its index")
  func atomicCondition() async throws {
    let revision = try #require(try await server.send("PUT /kv/a", body: "x").revision)
    let answer = try await batch(
      """
      {"op":"put","key":"b","value":"1"},{"op":"put","key":"a","value":"2","if_match":"1"}
      """, atomic: true)
    #expect(answer.status == 412)
    #expect(answer.problem == "precondition-failed")
    #expect(try answer.json["index"]?.integer == 1)
    #expect(try answer.json["revision"]?.integer == revision)
    #expect(try await server.send("GET /kv/b").status == 404)
  }

  @Test("A failed condition fails only itself otherwise")
  func conditions() async throws {
    let revision = try #require(try await server.send("PUT /kv/a", body: "x").revision)
    let answer = try await batch(
      """
      {"op":"put","key":"a","value":"y","if_match":"\(revision)"},
      {"op":"put","key":"a","value":"z","if_match":"\(revision)"},
      {"op":"put","key":"a","value":"z","if_none_match":"*"},
      {"op":"delete","key":"a","if_match":"1"},{"op":"delete","key":"none","if_match":"*"},
      {"op":"put","key":"b","value":"1","if_none_match":"*"},
      {"op":"put","key":"a","value":"w","if_match":"*"},{"op":"delete","key":"a","if_match":"*"}
      """)
    #expect(try statuses(answer) == [200, 412, 412, 412, 412, 201, 200, 204])
    #expect(try results(answer)[1]["index"]?.integer == 1)
    #expect(try results(answer)[4]["revision"] == nil)
  }

  @Test("A revision may be given as an ETag")
  func quotedRevisions() async throws {
    let revision = try #require(try await server.send("PUT /kv/a", body: "x").revision)
    let answer = try await batch(
      #"{"op":"put","key":"a","value":"y","if_match":"\"\#(revision)\""}"#)
    #expect(try statuses(answer) == [200])
    let huge = #"{"op":"delete","key":"a","if_match":"9999999999999999999"}"#
    #expect(try statuses(try await batch(huge)) == [412])
  }

  static let malformed: [(operation: String, status: Int64)] = [
    ("1", 400), ("null", 400), ("[]", 400), ("{}", 400), (#"{"op":"get"}"#, 400),
    (#"{"op":"GET","key":"a"}"#, 400), (#"{"op":1,"key":"a"}"#, 400), (#"{"key":"a"}"#, 400),
    (#"{"op":"get","key":1}"#, 400), (#"{"op":"get","key":""}"#, 400),
    (#"{"op":"get","key":"\u0000"}"#, 400), (#"{"op":"get","key":"a","value":"x"}"#, 400),
    (#"{"op":"delete","key":"a","ttl":1}"#, 400), (#"{"op":"put","key":"a"}"#, 400),
    (#"{"op":"put","key":"a","value":1}"#, 400), (#"{"op":"put","key":"a","value":null}"#, 400),
    (#"{"op":"put","key":"a","value":"x","value_base64":""}"#, 400),
    (#"{"op":"put","key":"a","value_base64":"x"}"#, 400),
    (#"{"op":"put","key":"a","value_base64":7}"#, 400),
    (#"{"op":"put","key":"a","value":"x","ttl":0}"#, 400),
    (#"{"op":"put","key":"a","value":"x","ttl":315360001}"#, 400),
    (#"{"op":"put","key":"a","value":"x","ttl":1.5}"#, 400),
    (#"{"op":"put","key":"a","value":"x","ttl":"60"}"#, 400),
    (#"{"op":"put","key":"a","value":"x","tll":60}"#, 400),
    (#"{"op":"put","key":"a","value":"x","content_type":"text"}"#, 400),
    (#"{"op":"put","key":"a","value":"x","content_type":null}"#, 400),
    (#"{"op":"put","key":"a","value":"x","if_match":1}"#, 400),
    (#"{"op":"put","key":"a","value":"x","if_match":"x"}"#, 400),
    (#"{"op":"put","key":"a","value":"x","if_match":""}"#, 400),
    (#"{"op":"put","key":"a","value":"x","if_none_match":"1"}"#, 400),
    (#"{"op":"put","key":"a","value":"x","if_none_match":true}"#, 400),
    (#"{"op":"add","key":"a"}"#, 400), (#"{"op":"add","key":"a","amount":"1"}"#, 400),
    (#"{"op":"add","key":"a","amount":1.5}"#, 400), (#"{"op":"add","key":"a","amount":null}"#, 400),
    (#"{"op":"add","key":"a","amount":9223372036854775808}"#, 400),
    (#"{"op":"add","key":"a","amount":1,"value":"1"}"#, 400),
    (#"{"op":"add","key":"a","amount":1,"ttl":0}"#, 400),
    (#"{"op":"add","key":"a","amount":1,"content_type":null}"#, 400),
    (#"{"op":"add","key":"a","amount":1,"if_match":1}"#, 400),
    (#"{"op":"add","amount":1}"#, 400), (#"{"op":"patch","key":"a"}"#, 400),
    (#"{"op":"get","key":"\#(String(repeating: "k", count: 1_025))"}"#, 414),
  ]

  @Test("A malformed operation fails alone, or spoils an atomic batch", arguments: malformed)
  func malformedOperations(_ operation: String, _ status: Int64) async throws {
    let good = #"{"op":"put","key":"good","value":"x"}"#
    let atomic = try await batch("\(good),\(operation)", atomic: true)
    #expect(Int64(atomic.status) == status)
    #expect(try atomic.json["index"]?.integer == 1)
    #expect(try await server.send("GET /kv/good").status == 404)
    let single = try await batch("\(operation),\(good),\(operation)")
    #expect(single.status == 200)
    #expect(try statuses(single) == [status, 201, status])
    #expect(try results(single).map { $0["index"]?.integer } == [0, nil, 2])
    #expect(try await server.send("GET /kv/a").status == 404)
  }

  /// Not among the arguments above: those are printed.
  @Test("So does one whose value is too large")
  func tooLargeValue() async throws {
    let value = String(repeating: "v", count: 1_048_577)
    try await malformedOperations(#"{"op":"put","key":"a","value":"\#(value)"}"#, 413)
  }

  @Test(
    "A document that is no batch is a 400",
    arguments: [
      "", "x", "[]", "1", "null", "{}", #"{"operations":{}}"#, #"{"operations":null}"#,
      #"{"operations":[],"atomic":1}"#, #"{"operations":[],"atomic":null}"#,
      #"{"operations":[],"atomc":true}"#, #"{"operations":[],"operations":[]}"#,
      #"{"operations":[]"#,
      "\u{FEFF}{\"operations\":[]}",
    ])
  func malformedDocuments(_ body: String) async throws {
    let answer = try await server.send("POST /batch", body: body)
    #expect(answer.status == 400)
    #expect(["invalid-json", "invalid-document"].contains(answer.problem))
  }

  @Test("1,000 operations are accepted, one more is a 413")
  func operationsMax() async throws {
    let many = (0..<1_000).map { #"{"op":"put","key":"k\#($0)","value":"x"}"# }
    let answer = try await batch(many.joined(separator: ","))
    #expect(answer.status == 200)
    #expect(try results(answer).count == 1_000)
    let more = try await batch((many + [many[0]]).joined(separator: ","))
    #expect(more.status == 413)
    #expect(more.problem == "content-too-large")
    let bomb = try await batch(Array(repeating: "0", count: 60_000).joined(separator: ","))
    #expect(bomb.status == 413)
  }

  @Test("More than 8 MiB is a 413 before the body is read")
  func bytesMax() async throws {
    let body = [UInt8](repeating: 0x20, count: 8 << 20)
    #expect(try await server.send("POST /batch", bytes: body).problem == "invalid-json")
    let answer = try await server.send("POST /batch", bytes: body + [0x20])
    #expect(answer.status == 413)
    #expect(answer.isRefusedEarly)
  }

  @Test("The reads of a batch return a bounded number of bytes")
  func readBytes() async throws {
    var limits = APILimits()
    limits.batchReadBytesMax = 10
    let server = Server(Backing(), limits: limits)
    let body = """
      {"operations":[{"op":"put","key":"a","value":"123456"},{"op":"get","key":"a"},
      {"op":"get","key":"a"}]}
      """
    let answer = try await server.send("POST /batch", body: body)
    #expect(try statuses(answer) == [201, 200, 413])
  }

  @Test("Every text is stored as it is meant")
  func texts() async throws {
    let answer = try await batch(#"{"op":"put","key":"\u00e9","value":"\ud83d\ude00\u0000\n"}"#)
    #expect(try statuses(answer) == [201])
    #expect(try await server.send("GET /kv/%C3%A9").text == "😀\0\n")
  }

  @Test("With the database away a batch is a 503 with Retry-After")
  func databaseAway() async throws {
    server.backing.database.fail(with: .unavailable(cause: "gone", retryAfter: 4))
    let answer = try await batch(#"{"op":"put","key":"a","value":"x"}"#)
    #expect(answer.status == 503)
    #expect(answer["Retry-After"] == "4")
  }
}
