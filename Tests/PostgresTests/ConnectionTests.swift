import EventLoop
import Foundation
import KeyValueStore
import Observability
import StoreContracts
import TestServices
import Testing

@testable import Postgres
import TestSupport

extension OnAnyDatabase {
  @Suite("Connections")
  struct ConnectionTests {
    @Test("Several processes that migrate at once all succeed, and again")
    func migrations() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current), isFresh: true)
      let loop = try EventLoop(name: "migration")
      loop.start()
      for _ in 0..<2 {
        try await concurrently(8) { _ in
          _ = try await PostgresDatabase.migrate(
            PostgresConfiguration(url: target.url), loop: loop, within: .seconds(30))
        }
      }
      loop.stop()
      #expect(try target.admin.number("SELECT count(*) FROM migrations") == 3)
      try target.drop()
    }

    @Test("Tables of release 0.3 are migrated, with the changes that it has left to be published")
    func oldTables() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current), isFresh: true)
      for statement in [Migrations.table] + Migrations.steps[0] { try target.admin.run(statement) }
      let time = try target.now().microseconds - 60_000_000
      for statement in [
        "INSERT INTO migrations VALUES (1, \(time))",
        """
        INSERT INTO entries (key, value, content_type, revision, version, created_at, updated_at)
        VALUES ('k', 'value', 'text/plain', \(time), 3, \(time), \(time))
        """,
        """
        INSERT INTO outbox (revision, key, kind, version, size, content_type, created_at,
          updated_at)
        VALUES (\(time), 'k', 1, 3, 5, 'text/plain', \(time), \(time)),
          (\(time + 1), 'gone', 0, -1, 0, '', \(time), \(time)),
          (\(time + 2), 'over', 2, 0, 0, '', \(time), \(time))
        """,
      ] {
        try target.admin.run(statement)
      }
      let node = try Node(target.url) { $0.deadline = .seconds(20) }
      let entry = try #require(try await node.database.read([Key("k")])[0].entry)
      #expect(entry.metadata.version == 3)
      _ = try await node.database.unpublished(olderThan: .zero, limit: 10)
      let found = try await node.database.unpublished(olderThan: .zero, limit: 10)
      #expect(
        found.flatMap(\.changes) == [
          Change(key: Key("k"), revision: Revision(time), kind: .put(entry.metadata)),
          Change(key: Key("gone"), revision: Revision(time + 1), kind: .delete),
          Change(key: Key("over"), revision: Revision(time + 2), kind: .expire),
        ])
      #expect(try target.admin.number("SELECT count(*) FROM outbox") == 0)
      await node.close()
      try target.drop()
    }

    @Test("Connections at the end of their lifetime are replaced, and no call fails")
    func lifetimes() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current))
      let node = try Node(target.url) { $0.lifetime = .milliseconds(10)...(.milliseconds(50)) }
      let database = node.database
      try await concurrently(6) { number in
        for round in 0..<100 {
          let key = "k\(number)-\(round)"
          _ = try await database.write([.put(key)])
          let lookup = try await database.read([Key(key)])[0]
          #expect(lookup.entry != nil)
          _ = try await database.execute(
            Batch(operations: [.get(Key(key)), .write(.put(key))], isAtomic: true))
        }
      }
      #expect(database.metrics.connects.value > 10)
      // Each is replaced before it ends.
      #expect(database.metrics.connections.value <= 2 * 7)
      await node.close()
      try target.drop()
    }

    @Test("The metrics of all loops are exported, and add up")
    func metrics() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current))
      let node = try Node(target.url, loops: 2)
      _ = try await node.database.write([.put("k")])
      func text() -> String { String(decoding: node.registry.text(), as: UTF8.self) }
      for metric in PostgresMetrics.catalogue {
        #expect(text().contains("# TYPE \(metric.name) \(metric.kind.rawValue)\n"))
      }
      try Polling.wait(for: "all connections of both loops") {
        text().contains("\nkv_database_connections 14\n")
      }
      #expect(!text().contains("\nkv_database_connects_total 0\n"))
      await node.close()
      #expect(text().contains("\nkv_database_connections 0\n"))
      try target.drop()
    }
  }
}

@Suite("No call waits for a connection for ever")
struct LaneTests {
  @Test("Calls that wait for a lane get it in the order of arrival, or fail in time")
  @MainActor
  func group() async throws {
    let lanes = LaneGroup(count: 1, waitingMax: 2)
    #expect(try await lanes.take() == 0)
    let first = Task { @MainActor in try? await lanes.take() }
    let second = Task { @MainActor in try? await lanes.take() }
    while lanes.waitingCount < 2 { await Task.yield() }
    // There is no room for a third.
    await #expect(throws: ExchangeError.self) { try await lanes.take() }
    lanes.dismissWaiters(since: .now - .seconds(600))
    #expect(lanes.waitingCount == 2)
    lanes.giveBack(0)
    #expect(await first.value == 0)
    lanes.dismissWaiters(since: .now)
    #expect(await second.value == nil)
  }

  @Test("A call that waits for a connection that is not made fails in time")
  @MainActor
  func connecting() async throws {
    let lane = Lane()
    let waiter = Task { @MainActor in (try? await lane.wait()) == nil }
    while lane.waitingCount == 0 { await Task.yield() }
    lane.dismissWaiters(since: .now)
    #expect(await waiter.value)
  }
}

@Suite("Repeated statements are prepared")
struct PreparedStatementsTests {
  @Test("The second time, under a name of its own, and by the name from then on")
  func repeated() {
    var statements = PreparedStatements()
    statements.isAllowed = true
    #expect(statements.way(of: "a") == .unnamed)
    #expect(statements.way(of: "b") == .unnamed)
    #expect(statements.way(of: "a") == .prepare("kv0"))
    #expect(statements.way(of: "a") == .unnamed, "it may fail yet")
    statements.ended("a", isPrepared: true)
    #expect(statements.way(of: "a") == .named("kv0"))
    #expect(statements.way(of: "b") == .prepare("kv1"))
  }

  @Test("Preparing that failed is tried again")
  func failed() {
    var statements = PreparedStatements()
    statements.isAllowed = true
    _ = statements.way(of: "a")
    #expect(statements.way(of: "a") == .prepare("kv0"))
    statements.ended("a", isPrepared: false)
    #expect(statements.way(of: "a") == .prepare("kv0"))
  }

  @Test("Behind a pooler nothing is prepared")
  func pooled() {
    var statements = PreparedStatements()
    for _ in 0..<3 { #expect(statements.way(of: "a") == .unnamed) }
  }

  @Test("The number of texts that are remembered is bounded")
  func bounded() {
    var statements = PreparedStatements()
    statements.isAllowed = true
    for number in 0..<1_000 { _ = statements.way(of: "\(number)") }
    #expect(statements.way(of: "999") == .unnamed)
    #expect(statements.way(of: "0") == .prepare("kv0"))
  }
}
