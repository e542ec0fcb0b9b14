import KeyValueStore
import Observability
import StoreContracts
import TestServices
import Testing

@testable import Postgres
import TestSupport

extension OnPostgres {
  @Suite("What the server refuses")
  struct RefusalTests {
    /// A database whose table refuses the first writes with an error of `state`. They are counted
    /// by a sequence, whose value stays when a transaction is rolled back.
    private func refusing(
      _ state: String, times: Int, on table: String = "outbox_batches",
      when event: String = "INSERT",
      _ body: (TestDatabase, Node) async throws -> Void
    ) async throws {
      let target = try TestDatabase(on: try #require(SharedPostgres.current))
      let node = try Node(target.url)
      _ = try await node.database.write([.put("first")])
      try target.admin.run(
        """
        CREATE SEQUENCE attempts;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF nextval('attempts') <= \(times) THEN
            RAISE EXCEPTION 'not now' USING ERRCODE = '\(state)';
          END IF;
          RETURN coalesce(NEW, OLD);
        END $$;
        CREATE TRIGGER refuse BEFORE \(event) ON \(table) FOR EACH ROW EXECUTE FUNCTION refuse()
        """)
      try await body(target, node)
      await node.close()
      try target.drop()
    }

    @Test("A serialization failure is tried again, whatever the call", arguments: 0..<5)
    func retry(_ kind: Int) async throws {
      try await refusing("40001", times: 3) { target, node async throws in
        let database = node.database
        switch kind {
        case 0: _ = try await database.write([.put("k")])
        case 1: _ = try await database.write([.put("k", condition: Condition(ifNoneMatch: .any))])
        case 2:
          let key = IdempotencyKey(name: "name", fingerprint: [])
          _ = try await database.write([.put("k", idempotency: key)])
        case 3:
          _ = try await database.execute(
            Batch(operations: [.write(.put("k"))], isAtomic: true))
        default:
          _ = try await database.apply([QueuedWrite(1, .put("k"), at: try target.now())])
        }
        let entry = try await database.read([Key("k")])[0].entry
        #expect(entry?.metadata.version == 1)
        #expect(node.database.metrics.conflicts.value == 3)
        #expect(try target.admin.number("SELECT count(*) FROM outbox_batches") == 2)
      }
    }

    @Test("A conflict that never ends is given up within the deadline, and nothing was written")
    func contention() async throws {
      try await refusing("40001", times: 1_000_000) { _, node async throws in
        let start = ContinuousClock.now
        let error = await failure { () async throws(StoreError) in
          _ = try await node.database.write([.put("k")])
        }
        #expect(error?.isUnavailable == true)
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(try await node.database.read([Key("k")])[0].entry == nil)
      }
    }

    @Test("A statement whose completion is unknown is not tried again")
    func unknown() async throws {
      try await refusing("40003", times: 1) { target, node async throws in
        let error = await failure { () async throws(StoreError) in
          _ = try await node.database.write([.put("k")])
        }
        #expect(error?.isUnknown == true)
        #expect(try target.admin.number("SELECT last_value FROM attempts") == 1)
      }
    }

    @Test("A value that the server can never hold is rejected, and the connection stays open")
    func rejected() async throws {
      try await refusing("40001", times: 0) { _, node async throws in
        let error = await failure { () async throws(StoreError) in
          _ = try await node.database.write([.put("k", contentType: "a\u{0}b")])
        }
        #expect(error?.isRejected == true)
        #expect(try await node.database.write([.put("k")]).count == 1)
        #expect(node.database.metrics.connects.value <= 7)
      }
    }

    @Test(
      "A statement that the server does not know or may not carry out is rejected at once",
      arguments: ["0A000", "42501", "42P01"])
    func statementsFault(_ state: String) async throws {
      try await refusing(state, times: 1_000_000) { target, node async throws in
        let error = await failure { () async throws(StoreError) in
          _ = try await node.database.write([.put("k")])
        }
        #expect(error?.isRejected == true)
        #expect(node.database.metrics.rejections.value == 1)
        #expect(try target.admin.number("SELECT last_value FROM attempts") == 1)
        // The connection stays open: it is not at fault.
        #expect(try await node.database.read([Key("first")])[0].entry != nil)
      }
    }

    @Test("Commits are settled later when settling them fails")
    func givenBack() async throws {
      try await refusing("22000", times: 2, on: "outbox_batches", when: "DELETE") {
        target, node async throws in
        let receipt = try await node.database.write([.put("k")])[0]
        node.published.add([try #require(receipt.outbox)])
        try Polling.wait(for: "settled row") {
          try target.admin.number("SELECT count(*) FROM outbox_batches") == 1
        }
        #expect(try target.admin.number("SELECT last_value FROM attempts") == 3)
      }
    }

    @Test("A server without room to write is unhealthy until there is room again")
    func noRoom() async throws {
      try await refusing("53100", times: 2) { _, node async throws in
        let database = node.database
        let error = await failure { () async throws(StoreError) in
          _ = try await database.write([.put("k")])
        }
        #expect(error?.isUnavailable == true)
        let sick = await failure { () async throws(StoreError) in try await database.checkHealth() }
        #expect(sick?.cause.contains("takes no writes") == true, "\(String(describing: sick))")
        // The next probe succeeds, and leaves nothing.
        try await database.checkHealth()
        #expect(try await database.read([Key("k")])[0].entry == nil)
        #expect(try await database.write([.put("k")]).count == 1)
      }
    }

    @Test("A read-only server is not healthy, and serves reads")
    func readOnly() async throws {
      try await refusing("40001", times: 0) { target, node async throws in
        let database = node.database
        try await database.checkHealth()
        try target.admin.run(
          "ALTER DATABASE \(target.name) SET default_transaction_read_only = on")
        try target.admin.run(
          """
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = '\(target.name)' AND pid <> pg_backend_pid()
          """)
        var sick: StoreError?
        let end = ContinuousClock.now + .seconds(10)
        while sick?.cause.contains("read-only") != true, ContinuousClock.now < end {
          sick = await failure { () async throws(StoreError) in try await database.checkHealth() }
          Polling.pause()
        }
        #expect(sick?.cause.contains("read-only") == true, "\(String(describing: sick))")
        #expect(try await database.read([Key("first")])[0].entry != nil)
      }
    }

    @Test("A statement that takes too long is cancelled and fails alone; those behind it continue")
    func cancelled() async throws {
      let target = try TestDatabase(on: try #require(SharedPostgres.current))
      // Shorter than the server's lock timeout.
      let node = try Node(target.url) { $0.deadline = .milliseconds(200) }
      let database = node.database
      _ = try await database.write([.put("held"), .put("free")])
      let opened = database.metrics.connects.value
      let holder = try AdminConnection(target.url)
      try holder.run("BEGIN; SELECT 1 FROM entries WHERE key = 'held' FOR UPDATE")
      async let held = database.write(each: [.put("held", "2")], isPatient: false)
      // On the same connection, behind it.
      async let free = database.write(each: [.put("free", "2")], isPatient: false)
      _ = try await free[0].get()
      guard case .failure(.outcomeUnknown) = await held[0] else {
        Issue.record("\(await held)")
        return
      }
      // A page that takes too long is tried once more, shorter, and then given up.
      let cancellations = database.metrics.cancellations.value
      try holder.run("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
      let list = await failure { () async throws(StoreError) in
        _ = try await database.list(PageRequest())
      }
      guard case .tooSlow = list else {
        Issue.record("\(String(describing: list))")
        return
      }
      try holder.run("ROLLBACK")
      #expect(try await database.list(PageRequest()).items.count == 2)
      #expect(cancellations >= 1)
      #expect(database.metrics.cancellations.value == cancellations + 2)
      #expect(database.metrics.connects.value == opened)
      await node.close()
      try target.drop()
    }
  }
}
