import Basics
import Foundation
import Logging
import Observability
import TestSupport
import Testing

@testable import KeyValueAPI

@Suite("Every request that writes is a line of the audit log")
struct AuditTests {
  /// SHA-256 of `test`.
  private static let test = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  /// SHA-256 of `secret`.
  private static let secret = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

  private let folder: TemporaryFolder
  private let path: String
  private let log: AuditLog
  private let server: Server

  init() throws {
    folder = try TemporaryFolder()
    path = folder.path(of: "audit.log")
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    log = try AuditLog(
      path: path, metrics: AuditMetrics(registry: MetricsRegistry()), logger: logger,
      warnings: RepeatedWarnings(logger: logger))
    server = Server(
      Backing(),
      authentication: TokenAuthenticator(
        try TokensFile(
          text: "shop \(Self.test) read,write secret/ 1000\nreader \(Self.secret) read * 1")),
      // A clock that stands still.
      now: { MonotonicTime(nanoseconds: 1_000_000_000_000) }, audit: log)
  }

  private func send(
    _ line: String, as token: String? = "test", _ fields: [(String, String)] = [],
    body: String = ""
  ) async throws -> Answer {
    let credentials = token.map { [("Authorization", "Bearer \($0)")] } ?? []
    return try await server.send(line, credentials + fields, body: body)
  }

  /// The lines so far, as `METHOD route status` and the rest of their members.
  private func lines() throws -> [(request: String, token: String?, JSONValue)] {
    #expect(log.flush())
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try text.split(separator: "\n").map { line in
      let json = try JSONDocument(parsing: Array(line.utf8)).root
      let words = [json["method"]?.string ?? "", json["route"]?.string ?? ""]
      let status = json["status"]?.integer ?? 0
      return ((words + ["\(status)"]).joined(separator: " "), json["token"]?.string, json)
    }
  }

  private func hash(_ text: String) -> String {
    Digest.sha256(Array(text.utf8)).map { byte in
      String(repeating: "0", count: byte < 16 ? 1 : 0) + String(byte, radix: 16)
    }.joined()
  }

  private static let patch = [("Content-Type", "application/merge-patch+json")]

  static let requests: [(line: String, body: String, recorded: String)] = [
    ("PUT /kv/secret/a", "hidden", "PUT /kv/{key} 201"),
    ("PUT /kv/secret%2Fa", "hidden", "PUT /kv/{key} 201"),
    ("PATCH /kv/secret/a", #"{"add":1}"#, "PATCH /kv/{key} 201"),
    ("DELETE /kv/secret/a", "", "DELETE /kv/{key} 404"),
    ("DELETE /kv?key=secret/a", "", "DELETE /kv 404"),
    ("PUT /kv", #"{"data":{"key":"secret/a","value":"hidden"}}"#, "PUT /kv 202"),
    ("PUT /kv/secret/a?tll=1", "hidden", "PUT /kv/{key} 400"),
    ("PATCH /kv/secret/a", "hidden", "PATCH /kv/{key} 400"),
  ]

  @Test("Writes of one key are there with the hash of that key", arguments: requests)
  func writes(_ line: String, _ body: String, _ recorded: String) async throws {
    _ = try await send(line, line.hasPrefix("PATCH") ? Self.patch : [], body: body)
    let lines = try lines()
    #expect(lines.map(\.request) == [recorded])
    #expect(lines.first?.token == "shop")
    #expect(lines.first?.2["key_sha256"]?.string == hash("secret/a"))
    #expect(lines.first?.2["request_id"]?.string == "0000000000000001")
    #expect(lines.first?.2["time"]?.string?.hasSuffix("Z") == true)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for secret in ["secret", "hidden", "test"] { #expect(!text.contains(secret)) }
  }

  @Test("A batch is there with the hashes of the keys that it writes")
  func batch() async throws {
    let body = #"""
      {"operations":[{"op":"put","key":"secret/a","value":"hidden"},{"op":"get","key":"secret/b"},
      {"op":"delete","key":"secret/c"},{"op":"put","key":"rival","value":"hidden"},{"op":"fly"}]}
      """#
    #expect(try await send("POST /batch", body: body).status == 200)
    #expect(try await send("POST /batch", body: "hidden").status == 400)
    let lines = try lines()
    #expect(lines.map(\.request) == ["POST /batch 200", "POST /batch 400"])
    #expect(lines[0].2["operations"]?.integer == 5)
    #expect(
      lines[0].2["key_sha256"]?.elements.compactMap(\.string) == [
        hash("secret/a"), hash("secret/c"),
      ])
    #expect(lines[1].2["key_sha256"]?.kind == .null)
    #expect(try !String(contentsOfFile: path, encoding: .utf8).contains("hidden"))
  }

  @Test("A deletion by prefix is there with the hash of the prefix")
  func prefix() async throws {
    #expect(try await send("DELETE /kv?prefix=secret/a").status == 200)
    let lines = try lines()
    #expect(lines.map(\.request) == ["DELETE /kv 200"])
    #expect(lines[0].2["prefix_sha256"]?.string == hash("secret/a"))
    #expect(lines[0].2["key_sha256"] == nil)
  }

  @Test("What a token may not do is there, too, with its status")
  func forbidden() async throws {
    #expect(try await send("PUT /kv/rival", body: "x").status == 403)
    #expect(try await send("PUT /kv/a", as: "secret", body: "x").status == 403)
    let batch = #"{"operations":[{"op":"put","key":"a","value":"x"}]}"#
    let lines = try lines()
    #expect(lines.map(\.request) == ["PUT /kv/{key} 403", "PUT /kv/{key} 403"])
    #expect(lines.map(\.token) == ["shop", "reader"])
    #expect(lines.map { $0.2["key_sha256"]?.string } == [hash("rival"), hash("a")])
    #expect(try await send("POST /batch", body: batch).status == 200)
    #expect(try self.lines().last?.request == "POST /batch 200")
  }

  @Test("Reads, senders that are not known and those over their rate are not there")
  func others() async throws {
    for line in ["GET /kv/secret/a", "GET /kv?prefix=secret/", "HEAD /kv/secret/a"] {
      _ = try await send(line)
    }
    let reads = #"{"operations":[{"op":"get","key":"secret/a"}]}"#
    #expect(try await send("POST /batch", body: reads).status == 200)
    #expect(try await send("PUT /kv/a", as: nil, body: "x").status == 401)
    #expect(try await send("PUT /kv/a", as: "unknown", body: "x").status == 401)
    #expect(try await send("GET /kv/a", as: "secret").status == 404)
    #expect(try await send("PUT /kv/a", as: "secret", body: "x").status == 429)
    #expect(try await send("POST /kv/a", body: "x").status == 405)
    #expect(try lines().isEmpty)
  }

  @Test("Without tokens, lines have none")
  func noTokens() async throws {
    let server = Server(Backing(), audit: log)
    #expect(try await server.send("PUT /kv/a", body: "x").status == 201)
    #expect(
      try await server.send("PUT /kv/a", [("Origin", "https://evil.example")], body: "x").status
        == 403)
    let lines = try lines()
    #expect(lines.map(\.request) == ["PUT /kv/{key} 201"])
    #expect(lines[0].2["token"]?.kind == .null)
  }
}
