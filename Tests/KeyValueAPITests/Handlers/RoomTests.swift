import HTTP
import KeyValueStore
import Testing

@testable import KeyValueAPI

/// Documents of many values are made only where there is room for them.
@Suite("Room for answers")
struct RoomTests {
  private let state = HTTPServerState()
  private let backing = Backing()

  private static let batch =
    #"{"operations":[{"op":"get","key":"a"},{"op":"put","key":"b","value":"2"}]}"#

  private func server(_ limits: APILimits = APILimits()) -> Server {
    Server(backing, limits: limits, room: state)
  }

  /// Fills the room of the test's server, but for so many bytes.
  private func fill(except bytes: Int = 0) -> Int {
    let taken = (32 << 20) - bytes
    #expect(state.takeAnswerRoom(taken, max: 32 << 20))
    return taken
  }

  @Test("Pages and batches with values wait for room, and get their answer when it comes")
  func wait() async throws {
    let server = server()
    _ = try await server.send("PUT /kv/a", body: "1")
    for (line, body) in [("GET /kv?values=true", ""), ("POST /batch", Self.batch)] {
      let taken = fill()
      let before = backing.pauses.all.count
      backing.pauses.during { [state] count in
        if count == before + 3 { state.returnAnswerRoom(taken) }
      }
      let answer = try await server.send(line, body: body)
      #expect(answer.status == 200, "\(answer.text)")
      #expect(backing.pauses.all.count == before + 3)
      #expect(state.answerBytesHeld == 0)
    }
  }

  @Test("Without room they get 503; requests that need less are answered")
  func refusal() async throws {
    let server = server()
    _ = try await server.send("PUT /kv/a", body: "1")
    let taken = fill(except: 1 << 20)
    for (line, body) in [("GET /kv?values=true", ""), ("POST /batch", Self.batch)] {
      let answer = try await server.send(line, body: body)
      #expect(answer.status == 503)
      #expect(answer["Retry-After"] == "1")
    }
    // Nothing of the batch was done.
    #expect(try await server.send("GET /kv/b").status == 404)
    #expect(try await server.send("GET /kv").status == 200)
    #expect(try await server.send("GET /kv/a").status == 200)
    let writes = #"{"operations":[{"op":"put","key":"b","value":"2"}]}"#
    #expect(try await server.send("POST /batch", body: writes).status == 200)
    #expect(state.answerBytesHeld == taken)
    let patience = backing.pauses.all.reduce(.zero, +)
    #expect(patience == APILimits().roomWait * 2)
  }

  @Test("A failure gives the room back")
  func failure() async throws {
    backing.database.fail(with: .unavailable(cause: "away", retryAfter: 1))
    let server = server()
    #expect(try await server.send("GET /kv?values=true").status == 503)
    #expect(state.answerBytesHeld == 0)
  }

  @Test("A page that becomes too large in JSON ends early, and the next one goes on")
  func longPage() async throws {
    var limits = APILimits()
    limits.answerBytesMax = 40_000
    let server = server(limits)
    // Each byte takes six in JSON.
    let value = [UInt8](repeating: 1, count: 2_000)
    for number in 0..<10 { _ = try await server.send("PUT /kv/\(number)", bytes: value) }
    var target = "/kv?values=true"
    var keys: [String] = []
    var pages = 0
    while true {
      let answer = try await server.send("GET \(target)")
      #expect(answer.body.count < 40_000 + 14_000)
      let document = try JSONDocument(parsing: answer.body).root
      keys += document["items"]!.elements.compactMap { $0["key"]?.string }
      pages += 1
      guard let cursor = document["next_cursor"]?.string else { break }
      #expect(answer["Link"]?.contains(cursor) == true)
      target = "/kv?values=true&cursor=\(cursor)"
    }
    #expect(keys == (0..<10).map(String.init))
    #expect(pages > 1)
  }

  @Test("A batch's reads that become too large in JSON are refused one by one")
  func longBatch() async throws {
    var limits = APILimits()
    limits.answerBytesMax = 40_000
    let server = server(limits)
    let value = [UInt8](repeating: 1, count: 2_000)
    for number in 0..<10 { _ = try await server.send("PUT /kv/\(number)", bytes: value) }
    let gets = (0..<10).map { #"{"op":"get","key":"\#($0)"}"# }.joined(separator: ",")
    let answer = try await server.send("POST /batch", body: "{\"operations\":[\(gets)]}")
    let results = try JSONDocument(parsing: answer.body).root["results"]!.elements
    let statuses = results.compactMap { $0["status"]?.integer }
    #expect(statuses.count == 10)
    #expect(statuses.first == 200)
    #expect(statuses.last == 413)
    #expect(answer.body.count < 60_000)
  }
}
