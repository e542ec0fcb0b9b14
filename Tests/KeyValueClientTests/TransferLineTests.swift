import Basics
import Testing

@testable import KeyValueClient

@Suite("A line of an export")
struct TransferLineTests {
  private func parse(_ text: String) throws -> TransferLine {
    try TransferLine(parsing: Array(text.utf8))
  }

  @Test("Text, bytes and expiry are read")
  func reading() throws {
    #expect(
      try parse(#"{"key":"a/ü","content_type":"text/plain","value":"hé\n","expires_at":null}"#)
        == TransferLine(
          key: "a/ü", contentType: "text/plain", value: Array("hé\n".utf8), expiresAt: nil))
    #expect(
      try parse(#"{"key":"b","value_base64":"AP8=","expires_at":"1970-01-01T00:00:01.5Z"}"#)
        == TransferLine(key: "b", contentType: nil, value: [0, 255], expiresAt: 1_500_000))
  }

  @Test(
    "A broken line says what is wrong",
    arguments: [
      ("{", "it is not JSON"), ("[]", "it is no JSON object"), (#"{"value":""}"#, "key is missing"),
      (#"{"key":"","value":""}"#, "key is missing"),
      (#"{"key":"a"}"#, "value or value_base64 is missing"),
      (#"{"key":"a","value":"","value_base64":""}"#, "it has both value and value_base64"),
      (#"{"key":"a","value_base64":"%"}"#, "value_base64 is not Base64"),
      (#"{"key":"a","value":1}"#, "value is not a string"),
      (#"{"key":"a","value":"","expire_at":null}"#, "the member expire_at is not known"),
      (
        #"{"key":"a","value":"","expires_at":"tomorrow"}"#,
        "expires_at is no time, as 2030-01-31T12:00:00Z"
      ),
    ])
  func broken(_ text: String, _ why: String) {
    #expect(throws: TransferLineError(why)) { try parse(text) }
  }

  @Test(
    "Times that are none are refused",
    arguments: [
      "", "2030-02-31T00:00:00Z", "2030-01-01T24:00:00Z", "2030-01-01T00:00:00",
      "2030-01-01 00:00:00Z",
      "2030-01-01T00:00:00.Z", "2030-01-01T00:00:00.xZ", "x030-01-01T00:00:00Z",
    ])
  func times(_ text: String) { #expect(TransferLine.microseconds(of: text) == nil) }

  @Test("The time that is left is rounded up, and ends at the expiry")
  func secondsLeft() {
    let line = TransferLine(key: "a", contentType: nil, value: [], expiresAt: 5_000_000)
    #expect(line.secondsLeft(now: 3_999_999) == 2)
    #expect(line.secondsLeft(now: 4_000_000) == 1)
    #expect(line.secondsLeft(now: 5_000_000) == 0)
  }

  @Test("An operation of a batch carries all of it")
  func operation() {
    let line = TransferLine(key: "a", contentType: "x/y", value: [0], expiresAt: nil)
    var writer = JSONWriter()
    line.writeOperation(to: &writer, secondsLeft: 9, ifAbsent: true)
    #expect(
      String(decoding: writer.bytes, as: UTF8.self)
        == #"{"op":"put","key":"a","content_type":"x/y","value_base64":"AA==","ttl":9,"#
        + #""if_none_match":"*"}"#)
  }
}

@Suite("The lease of a lock")
struct LockLeaseTests {
  private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

  private func time(_ seconds: Double) -> MonotonicTime { start.adding(.seconds(seconds)) }

  @Test("It is renewed after a third of its time, and lost at its end")
  func steps() {
    let lease = LockLease(revision: 7, start: start, time: .seconds(15))
    #expect(lease.token == 7)
    #expect(lease.step(at: start) == .wait(.seconds(5)))
    #expect(lease.step(at: time(5)) == .renew(within: .seconds(10)))
    #expect(lease.step(at: time(15)) == .lost)
  }

  @Test("A renewal counts from when it was sent, and the token stays")
  func renewed() {
    var lease = LockLease(revision: 7, start: start, time: .seconds(15))
    lease.renewed(revision: 9, start: time(5))
    #expect(lease.token == 7)
    #expect(lease.revision == 9)
    #expect(lease.step(at: time(19)) == .renew(within: .seconds(1)))
    #expect(lease.step(at: time(20)) == .lost)
  }

  @Test("A renewal that failed is tried again soon, and does not make the lock last")
  func failed() {
    var lease = LockLease(revision: 7, start: start, time: .seconds(15))
    lease.renewalFailed(at: time(6))
    #expect(lease.step(at: time(6)) == .wait(.seconds(1)))
    #expect(lease.step(at: time(7)) == .renew(within: .seconds(8)))
    #expect(lease.step(at: time(15)) == .lost)
  }
}

@Suite("Addresses and requests")
struct ClientRequestTests {
  @Test("Addresses of servers are read")
  func addresses() {
    #expect(ServerAddress("http://localhost")?.authority == "localhost")
    #expect(ServerAddress("http://localhost:8080/")?.text == "http://localhost:8080")
    #expect(ServerAddress("https://[::1]:443/store/")?.text == "https://[::1]/store")
    #expect(ServerAddress("https://a.example:444")?.authority == "a.example:444")
  }

  @Test(
    "What is no address is refused",
    arguments: [
      "", "localhost:8080", "ftp://a", "http://", "http://:80", "http://a:0", "http://a:x",
      "http://a:65536", "http://a b", "http://u@a", "http://a?x", "http://[::1", "http://[::1]x",
    ])
  func badAddresses(_ text: String) { #expect(ServerAddress(text) == nil) }

  @Test("Keys are encoded byte by byte; slashes stay")
  func keys() {
    #expect(ClientRequest.entry("GET", "a/b c%?ü/..").target == "/kv/a/b%20c%25%3F%C3%BC/..")
  }

  @Test("A query is encoded")
  func queries() {
    var query = ListQuery(prefix: "a&b=c+")
    query.delimiter = "/"
    #expect(query.request.target == "/kv?prefix=a%26b%3Dc%2B&limit=1000&delimiter=/")
  }

  @Test("A problem document is read; an answer without one is described by its status")
  func problems() {
    let body = #"{"type":"/docs#key-not-found","title":"Gone","status":404,"detail":"Really."}"#
    let problem = Problem(Answer(head: AnswerHead(status: 404), body: Array(body.utf8)))
    #expect(problem.name == "key-not-found")
    #expect(problem.text == "Gone: Really.")
    let other = Problem(Answer(head: AnswerHead(status: 502), body: Array("<html>".utf8)))
    #expect(other.name == nil)
    #expect(other.text == "the server answered with status 502")
  }
}
