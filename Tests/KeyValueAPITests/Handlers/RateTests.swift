import Basics
import Synchronization
import Testing

@testable import KeyValueAPI

@Suite("A token that sends more than it may")
struct RateTests {
  /// A steady clock that stands still until a test moves it.
  private final class Moment: Sendable {
    private let nanoseconds = Atomic<UInt64>(1_000_000_000_000)

    var now: MonotonicTime { MonotonicTime(nanoseconds: nanoseconds.load(ordering: .relaxed)) }

    func advance(milliseconds: UInt64) {
      nanoseconds.wrappingAdd(milliseconds * 1_000_000, ordering: .relaxed)
    }
  }

  /// SHA-256 of `test`.
  private static let test = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  /// SHA-256 of `secret`.
  private static let secret = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

  private let moment = Moment()
  private let authenticator: TokenAuthenticator
  private let server: Server

  init() throws {
    authenticator = TokenAuthenticator(
      try TokensFile(text: "shop \(Self.test) read,write shop/ 3\nops \(Self.secret) read,write *"))
    server = Server(Backing(), authentication: authenticator, now: { [moment] in moment.now })
  }

  private func send(
    _ line: String, as token: String = "test", body: String = ""
  ) async throws -> Answer {
    try await server.send(line, [("Authorization", "Bearer \(token)")], body: body)
  }

  /// Uses up what the token may send at once.
  private func empty() async throws {
    for number in 0..<3 {
      #expect(try await send("PUT /kv/shop/\(number)", body: "1").status == 201)
    }
  }

  @Test("It is told which limit it has reached, before its body is read; nothing is written")
  func refused() async throws {
    try await empty()
    let answer = try await send("PUT /kv/shop/more", body: "1")
    #expect(answer.status == 429)
    #expect(answer.problem == "too-many-requests")
    #expect(answer["Retry-After"] == "1")
    #expect(try answer.json["limit"]?.string == "3 requests/s")
    #expect(answer.isRefusedEarly)
    #expect(server.observer.lines.last?.problem == .tooManyRequests)
    #expect(server.observer.lines.last?.route == "/kv/{key}")
    #expect(try await send("GET /kv/shop/more", as: "secret").status == 404)
  }

  @Test("Other tokens are not affected, and it gets on after Retry-After")
  func others() async throws {
    try await empty()
    #expect(try await send("GET /kv/shop/0").status == 429)
    for _ in 0..<10 { #expect(try await send("GET /kv/shop/0", as: "secret").status == 200) }
    moment.advance(milliseconds: 1_000)
    for _ in 0..<3 { #expect(try await send("GET /kv/shop/0").status == 200) }
    #expect(try await send("GET /kv/shop/0").status == 429)
  }

  @Test("Every kind of request counts, also one that is refused for another reason")
  func everyKind() async throws {
    #expect(try await send("GET /cache/stats").status == 403)
    #expect(try await send("GET /kv/rival").status == 403)
    #expect(try await send("POST /batch", body: #"{"operations":[]}"#).status == 200)
    for line in ["GET /kv/shop/a", "HEAD /kv?prefix=shop/", "GET /watch", "GET /whoami"] {
      #expect(try await send(line).status == 429, "\(line)")
    }
  }

  @Test("What needs no token has no limit", arguments: ["GET /", "GET /health", "OPTIONS /kv/a"])
  func open(_ line: String) async throws {
    try await empty()
    for _ in 0..<5 { #expect([200, 204].contains(try await send(line).status)) }
  }

  @Test("Reading the file again fills no bucket, and a new limit is kept from then on")
  func reload() async throws {
    try await empty()
    func read(_ rate: String) throws {
      authenticator.replace(with: try TokensFile(text: "shop \(Self.test) read shop/ \(rate)"))
    }
    try read("3")
    #expect(try await send("GET /kv/shop/0").status == 429)
    try read("10")
    let answer = try await send("GET /kv/shop/0")
    #expect(try answer.json["limit"]?.string == "10 requests/s")
    moment.advance(milliseconds: 100)
    #expect(try await send("GET /kv/shop/0").status == 200)
    #expect(try await send("GET /kv/shop/0").status == 429)
    try read("-")
    for _ in 0..<20 { #expect(try await send("GET /kv/shop/0").status == 200) }
    try read("2")
    for _ in 0..<2 { #expect(try await send("GET /kv/shop/0").status == 200) }
    #expect(try await send("GET /kv/shop/0").status == 429)
  }
}
