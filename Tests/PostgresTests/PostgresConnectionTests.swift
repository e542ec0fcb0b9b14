import KeyValueStore
import Observability
import StoreContracts
import TestServices
import Testing

@testable import Postgres
import TestSupport

extension OnPostgres {
  @Suite("Connections to PostgreSQL")
  struct PostgresConnectionTests {
    @Test("Of two hosts, one dead, the other is used")
    func twoHosts() async throws {
      let server = try #require(SharedPostgres.current)
      let target = try TestDatabase(on: server)
      let dead = try Ports.free()
      let hosts = "127.0.0.1:\(dead),localhost:\(server.port)"
      let url = "postgresql://kv:secret@\(hosts)/\(target.name)"
      for _ in 0..<4 {
        let node = try Node(url)
        _ = try await node.database.write([.put("k")])
        try await node.database.checkHealth()
        await node.close()
      }
      try target.drop()
    }

    @Test("Behind a pooler in transaction mode with fewer sessions than clients, all calls succeed")
    func pooler() async throws {
      let server = try #require(SharedPostgres.current)
      let target = try TestDatabase(on: server)
      let pooler = try PgBouncer(before: server, sessions: 3)
      let nodes = [
        try Node(pooler.url(database: target.name), loops: 2),
        try Node(pooler.url(database: target.name), loops: 2),
      ]
      let databases = nodes.flatMap(\.databases)
      let now = try target.now()
      try await concurrently(12) { number in
        let database = databases[number % 4]
        for round in 0..<15 {
          let key = "k\(number)"
          _ = try await database.write([.put(key, "\(round)"), .put("shared-\(number)-\(round)")])
          let lookup = try await database.read([Key(key)])[0]
          let revision = try #require(lookup.entry?.metadata.revision)
          let receipts = try await database.write([
            .put(key, condition: Condition(ifMatch: .revisions([revision]))), .delete("none"),
          ])
          guard case .stored = receipts[0].outcome, receipts[1].outcome == .notFound else {
            Issue.record("a condition was decided on another connection's words")
            return
          }
          _ = try await database.execute(
            Batch(operations: [.get(Key(key)), .write(.put("b\(number)"))], isAtomic: true))
          _ = try await database.apply([
            QueuedWrite(number * 100 + round, .put("q\(number)-\(round)"), at: now)
          ])
        }
      }
      #expect(try target.admin.number("SELECT count(*) FROM entries WHERE version > 0") == 384)
      for node in nodes { await node.close() }
      pooler.remove()
      try target.drop()
    }

    @Test("A statement that was planned before a table was altered is planned again")
    func stalePlan() async throws {
      let target = try TestDatabase(on: try #require(SharedPostgres.current))
      let node = try Node(target.url)
      for type in ["VARCHAR(1000)", "TEXT"] {
        // Often enough to be prepared.
        for round in 0..<4 {
          _ = try await node.database.write([.put("k", "\(round)"), .delete("none")])
          _ = try await node.database.read([Key("k")])
        }
        _ = try target.admin.run("ALTER TABLE entries ALTER COLUMN content_type TYPE \(type)")
        _ = try await node.database.write([.put("k", "after"), .delete("none")])
        let lookup = try await node.database.read([Key("k")])[0]
        #expect(lookup.entry?.value == Array("after".utf8))
      }
      await node.close()
      try target.drop()
    }

    @Test("A host that does not exist is named, and another one is used")
    func unknownHost() async throws {
      let server = try #require(SharedPostgres.current)
      let lost = try Node("postgresql://kv@no-such-host.invalid/db")
      let error = await failure { () async throws(StoreError) in
        _ = try await lost.database.read([Key("k")])
      }
      #expect(error?.cause.contains("no-such-host.invalid") == true)
      await lost.close()
      let hosts = "no-such-host.invalid:5432,127.0.0.1:\(server.port)"
      let node = try Node("postgresql://kv:secret@\(hosts)/postgres")
      try await node.database.checkHealth()
      await node.close()
    }

    @Test("A malformed URL is refused, and the error does not quote it")
    func malformedURL() throws {
      for url in [
        "postgresql://kv:hidden@host:port:x/db?nonsense=1",
        "postgresql://a:hidden@h,g/d?port=1,2,3",
      ] {
        let error = #expect(throws: PostgresURLError.self) { try Node(url) }
        #expect(error?.description.contains("hidden") == false)
      }
    }
  }
}

extension OnPostgres {
  @Suite("Access")
  struct AccessTests {
    @Test("TLS and passwords are used as the URL says")
    func encryption() async throws {
      let certificate = try SelfSignedCertificate()
      let server = try PostgresServer(
        settings: ["ssl": "on"], access: "hostssl all all 127.0.0.1/32 scram-sha-256",
        files: ["server.crt": certificate.certificate, "server.key": certificate.key])
      defer { server.remove() }
      let node = try Node(server.url(parameters: "?sslmode=require"))
      let large = String(repeating: "x", count: 1 << 20)
      _ = try await node.database.write([.put("a", large), .put("b", large)])
      #expect(try await node.database.read([Key("a"), Key("b")]).allSatisfy { $0.entry != nil })
      await node.close()
      for parameters in ["?sslmode=disable", "?sslmode=verify-full&sslrootcert=/nowhere"] {
        let refused = try Node(server.url(parameters: parameters))
        let error = await failure { () async throws(StoreError) in
          _ = try await refused.database.read([Key("a")])
        }
        #expect(error?.isUnavailable == true)
        #expect(error?.cause.contains("secret") == false)
        await refused.close()
      }
    }
  }
}
