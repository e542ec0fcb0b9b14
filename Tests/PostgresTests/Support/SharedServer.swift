import Foundation
import TestServices
import Testing

/// The server that all tests of a suite share; each test has a database of its own.
struct SharedServer: SuiteTrait, TestScoping {
  /// With `KV_TEST_DATABASE=cockroach` the same tests run on CockroachDB.
  static let isCockroach = ProcessInfo.processInfo.environment["KV_TEST_DATABASE"] == "cockroach"

  @TaskLocal static var current: (any DatabaseServer)?

  func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    let server: any DatabaseServer =
      SharedServer.isCockroach ? try CockroachServer() : try PostgresServer()
    defer { server.remove() }
    try await SharedServer.$current.withValue(server) { try await function() }
  }
}

extension Trait where Self == SharedServer {
  static var sharedServer: SharedServer { SharedServer() }
}

/// Tests that pass on every database.
@Suite("Any database", .serialized, .sharedServer)
struct OnAnyDatabase {}

/// Tests of what only CockroachDB does; `scripts/test` runs them where it is installed.
@Suite(
  "CockroachDB", .serialized, .enabled(if: SharedServer.isCockroach, "KV_TEST_DATABASE=cockroach"),
  .sharedServer)
struct OnCockroach {}

/// A PostgreSQL server that all tests of a suite share.
struct SharedPostgres: SuiteTrait, TestScoping {
  @TaskLocal static var current: PostgresServer?

  func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    let server = try PostgresServer()
    defer { server.remove() }
    try await SharedPostgres.$current.withValue(server) { try await function() }
  }
}

extension Trait where Self == SharedPostgres {
  static var sharedPostgres: SharedPostgres { SharedPostgres() }
}

/// Tests of what only PostgreSQL has: poolers, triggers, roles, a process for each session.
@Suite("PostgreSQL", .serialized, .sharedPostgres)
struct OnPostgres {}
