import EventLoop
import Foundation
import KeyValueStore
import StoreContracts
import TestServices
import Testing

@testable import Postgres

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
      #expect(try target.admin.number("SELECT count(*) FROM migrations") == 2)
      try target.drop()
    }

    @Test("Tables of release 0.1 are brought along, with what it has left to be published")
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

    @Test("Connections whose time is over are replaced, and nobody notices")
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
      #expect(database.statistics.failures == 0)
      #expect(database.statistics.connectionsOpened > 10)
      #expect(database.statistics.connectionsOpen <= 7)
      await node.close()
      try target.drop()
    }
  }
}
