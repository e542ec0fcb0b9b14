import KeyValueStore
import Postgres
import StoreContracts
import TestServices
import Testing

extension OnAnyDatabase {
  @Suite("It keeps the contracts of its ports")
  struct ContractTests {
    @Test("Database", arguments: DatabaseContract.cases)
    func database(_ sentence: DatabaseContract.Case) async throws {
      let harness = try PostgresHarness()
      try await sentence.prove(harness)
      try await harness.close()
    }

    @Test("Shared database", arguments: SharedDatabaseContract.cases)
    func sharedDatabase(_ sentence: SharedDatabaseContract.Case) async throws {
      let harness = try PostgresHarness()
      try await sentence.prove(harness)
      try await harness.close()
    }
  }
}

/// A database on the shared server, used by a process with two loops.
final class PostgresHarness: SharedDatabaseHarness {
  let target: TestDatabase
  private(set) var node: Node

  init() throws {
    target = try TestDatabase(on: try #require(SharedServer.current))
    node = try Self.node(on: target)
  }

  private static func node(on target: TestDatabase) throws -> Node {
    try Node(target.url, loops: 2) {
      $0.deadline = .seconds(20)
      $0.clock = TestDatabase.clock
    }
  }

  var database: any Database { node.database }
  var shared: any SharedDatabase { node.database }
  var published: PublishedChanges { node.published }

  func now() throws -> Timestamp { try target.now() }
  func advance(seconds: Int64) throws { try target.advance(seconds: seconds) }

  func reopen() async throws {
    await node.close()
    node = try Self.node(on: target)
  }

  func concurrently(
    _ count: Int, _ body: @escaping @Sendable (Int, any Database) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup { group in
      for number in 0..<count {
        let database = node.databases[number % 2]
        group.addTask { try await body(number, database) }
      }
      try await group.waitForAll()
    }
  }

  func close() async throws {
    await node.close()
    try target.drop()
  }
}
