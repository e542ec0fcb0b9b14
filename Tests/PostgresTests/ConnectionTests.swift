import EventLoop
import Foundation
import KeyValueStore
import Postgres
import TestServices
import Testing

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
