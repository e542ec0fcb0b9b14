import KeyValueStore
import Postgres
import StoreContracts
import TestServices
import Testing

extension OnPostgres {
  @Suite("What the server refuses")
  struct RefusalTests {
    /// A database whose table refuses the first writes with an error of `state`. What a sequence
    /// has counted stays counted when the transaction is undone.
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
        #expect(node.database.statistics.retries == 3)
        #expect(try target.admin.number("SELECT count(*) FROM outbox_batches") == 2)
      }
    }

    @Test("One that never ends is given up within the deadline, and nothing was written")
    func contention() async throws {
      try await refusing("40001", times: 1_000_000) { _, node async throws in
        let start = ContinuousClock.now
        let error = await failure { () async throws(StoreError) in
          _ = try await node.database.write([.put("k")])
        }
        #expect(error?.isUnavailable == true)
        #expect(ContinuousClock.now - start < .seconds(4))
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

    @Test("What the server can never hold is rejected, and the connection goes on")
    func rejected() async throws {
      try await refusing("40001", times: 0) { _, node async throws in
        let error = await failure { () async throws(StoreError) in
          _ = try await node.database.write([.put("k", contentType: "a\u{0}b")])
        }
        #expect(error?.isRejected == true)
        #expect(try await node.database.write([.put("k")]).count == 1)
        #expect(node.database.statistics.connectionsOpened <= 7)
      }
    }

    @Test(
      "A statement that the server does not know or may not carry out is rejected at once",
      arguments: ["0A000", "42501", "42P01"])
    func statementsFault(_ state: String) async throws {
      try await refusing(state, times: 1_000_000) { target, node async throws in
        let start = ContinuousClock.now
        let error = await failure { () async throws(StoreError) in
          _ = try await node.database.write([.put("k")])
        }
        #expect(error?.isRejected == true)
        #expect(ContinuousClock.now - start < .seconds(2))
        #expect(node.database.statistics.rejections == 1)
        #expect(try target.admin.number("SELECT last_value FROM attempts") == 1)
        // The connection goes on, as it is not to blame.
        #expect(try await node.database.read([Key("first")])[0].entry != nil)
      }
    }

    @Test("What is to be settled is given back when that fails")
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

    @Test("A server without room to write is not healthy, and is again once there is room")
    func noRoom() async throws {
      try await refusing("53100", times: 2) { _, node async throws in
        let database = node.database
        let error = await failure { () async throws(StoreError) in
          _ = try await database.write([.put("k")])
        }
        #expect(error?.isUnavailable == true)
        let sick = await failure { () async throws(StoreError) in try await database.checkHealth() }
        #expect(sick?.cause.contains("takes no writes") == true, "\(String(describing: sick))")
        // The next probe is let through, and leaves nothing.
        try await database.checkHealth()
        #expect(try await database.read([Key("k")])[0].entry == nil)
        #expect(try await database.write([.put("k")]).count == 1)
      }
    }

    @Test("A server that only reads is not healthy, and serves reads")
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

    @Test("What takes too long is cancelled and fails alone; those behind it have their turn")
    func cancelled() async throws {
      let target = try TestDatabase(on: try #require(SharedPostgres.current))
      // Less than the server waits for a lock.
      let node = try Node(target.url) { $0.deadline = .milliseconds(200) }
      let database = node.database
      _ = try await database.write([.put("held"), .put("free")])
      let opened = database.statistics.connectionsOpened
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
      // A page that can't be had becomes shorter once, and is given up: within twice the deadline.
      let cancellations = database.statistics.cancellations
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
      #expect(database.statistics.cancellations == cancellations + 2)
      #expect(database.statistics.connectionsOpened == opened)
      await node.close()
      try target.drop()
    }
  }
}
