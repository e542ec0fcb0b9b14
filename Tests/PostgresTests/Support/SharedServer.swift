import TestServices
import Testing

/// The server that all tests of a suite share, each with a database of its own.
struct SharedServer: SuiteTrait, TestScoping {
  @TaskLocal static var current: PostgresServer?

  func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    let server = try PostgresServer()
    defer { server.remove() }
    try await SharedServer.$current.withValue(server) { try await function() }
  }
}

extension Trait where Self == SharedServer {
  static var sharedServer: SharedServer { SharedServer() }
}

/// All tests that need no server of their own.
@Suite("Postgres", .serialized, .sharedServer)
struct OnSharedServer {}
