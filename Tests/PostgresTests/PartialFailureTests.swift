import KeyValueStore
import Postgres
import StoreContracts
import TestServices
import TestSupport
import Testing

extension OnAnyDatabase {
  @Suite("Each write of a call has the outcome that it had")
  struct PartialFailureTests {
    /// Another session that is writing a key until it is told to commit, and the key's metadata
    /// before it. On CockroachDB, readers of the key wait for it, too. The planner knows that the
    /// table is small, and might rather read all of it.
    private func holding(
      _ key: String, deadline: Duration = .seconds(2),
      _ body: (PostgresDatabase, AdminConnection, Metadata) async throws -> Void
    ) async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current))
      let node = try Node(target.url) { $0.deadline = deadline }
      _ = try await node.database.write((0..<100).map { .put("k\($0)") })
      let entry = try await node.database.read([Key(key)])[0].entry
      try target.admin.run(
        SharedServer.isCockroach ? "CREATE STATISTICS small FROM entries" : "ANALYZE entries")
      let holder = try AdminConnection(target.url)
      try holder.run("BEGIN; UPDATE entries SET version = version WHERE key = '\(key)'::BYTEA")
      try await body(node.database, holder, try #require(entry).metadata)
      await node.close()
      try target.drop()
    }

    @Test("A write of a held key fails alone and soon; a patient call waits for it by itself")
    func heldKey() async throws {
      try await holding("k50") { database, holder, _ in
        let start = ContinuousClock.now
        let writes = (0..<100).map { Write.put("k\($0)", "2") }
        let results = await database.write(each: writes, isPatient: false)
        for (number, result) in results.enumerated() {
          switch result {
          case .success(let receipt): #expect(receipt.outbox != nil && number != 50)
          case .failure(.tooSlow): #expect(number == 50)
          case .failure(let error): Issue.record("\(number): \(error)")
          }
        }
        // Far less than if each write had waited for the key until its deadline.
        #expect(ContinuousClock.now - start < .seconds(5))
        async let patient = database.write(
          each: [.put("k50", "2"), .put("k51", "3")], isPatient: true)
        // It would wait behind the patient ones if they shared a connection.
        _ = try await database.write(each: [.put("k52", "3")], isPatient: false)[0].get()
        try holder.run("COMMIT")
        for result in await patient { _ = try result.get() }
        let keys = (0..<100).map { Key("k\($0)") }
        let versions = try await database.read(keys).map { $0.entry?.metadata.version }
        #expect(versions == (0..<100).map { $0 == 51 || $0 == 52 ? 3 : 2 })
      }
    }

    @Test("However many keys are held, no call waits for each of them in turn")
    func manyHeldKeys() async throws {
      try await holding("k50") { database, holder, _ in
        try holder.run("UPDATE entries SET version = version")
        for isPatient in [false, true] {
          let start = ContinuousClock.now
          let writes = (0..<100).map { Write.put("k\($0)", "2") }
          let results = await database.write(each: writes, isPatient: isPatient)
          #expect(results.allSatisfy { (try? $0.get()) == nil })
          // A quarter of a second for each would be 25 s.
          #expect(ContinuousClock.now - start < .seconds(12))
        }
        let start = ContinuousClock.now
        _ = await database.read(each: (0..<100).map { Key("k\($0)") })
        #expect(ContinuousClock.now - start < .seconds(8))
        try holder.run("COMMIT")
        _ = try await database.write([.put("k7")])
      }
    }

    @Test("All queued writes are applied but those of a held key, which are once it is free")
    func heldWhileApplying() async throws {
      try await holding("k50") { database, holder, held in
        let queued = (0..<100).map {
          QueuedWrite($0, .put("k\($0)", "2"), at: held.updatedAt.adding(seconds: 1))
        }
        let error = await failure { () async throws(StoreError) in
          _ = try await database.apply(queued)
        }
        guard case .tooSlow = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        let others = (0..<100).filter { $0 != 50 }.map { Key("k\($0)") }
        let versions = try await database.read(others).map { $0.entry?.metadata.version }
        #expect(versions == others.map { _ in 2 })
        try holder.run("COMMIT")
        let applied = try await database.apply(queued)
        #expect(applied.allSatisfy { $0.record.state == .applied })
        #expect(applied.enumerated().filter { $1.outcome != nil }.map(\.offset) == [50])
      }
    }

    @Test("However many keys are held, the queue does not wait for each of them in turn")
    func manyHeldWhileApplying() async throws {
      try await holding("k0", deadline: .seconds(1)) { database, holder, held in
        try holder.run("UPDATE entries SET version = version WHERE key < 'k90'::BYTEA")
        let queued = (0..<100).map {
          QueuedWrite($0, .put("k\($0)", "2"), at: held.updatedAt.adding(seconds: 1))
        }
        let start = ContinuousClock.now
        let error = await failure { () async throws(StoreError) in
          _ = try await database.apply(queued)
        }
        guard case .tooSlow = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        // A second for each would be 90 s.
        #expect(ContinuousClock.now - start < .seconds(20))
        try holder.run("COMMIT")
        let applied = try await database.apply(queued)
        #expect(applied.allSatisfy { $0.record.state == .applied })
      }
    }

    @Test("Expired entries are purged though another session holds one of them")
    func heldWhilePurging() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current))
      let node = try Node(target.url)
      _ = try await node.database.write((0..<20).map { .put("k\($0)", timeToLive: 1) })
      try target.advance(seconds: 10)
      let holder = try AdminConnection(target.url)
      try holder.run("BEGIN; UPDATE entries SET version = version WHERE key = 'k7'::BYTEA")
      var purged: Set<Key> = []
      let end = ContinuousClock.now + .seconds(30)
      while purged.count < 19, ContinuousClock.now < end {
        do throws(StoreError) {
          purged.formUnion(try await node.database.purgeExpired(limit: 100).changes.map(\.key))
        } catch {
          guard case .tooSlow = error else { throw error }
        }
      }
      #expect(purged.count == 19 && !purged.contains(Key("k7")))
      try holder.run("COMMIT")
      #expect(try await node.database.purgeExpired(limit: 100).changes.map(\.key) == [Key("k7")])
      await node.close()
      try target.drop()
    }

    @Test("A key that another session is writing delays no reader of other keys")
    func heldWhileReading() async throws {
      try await holding("k50") { database, holder, _ in
        try holder.run("UPDATE entries SET version = 7 WHERE key = 'k50'::BYTEA")
        let results = await database.read(each: (0..<100).map { Key("k\($0)") })
        for (number, result) in results.enumerated() {
          switch result {
          case .success(let lookup): #expect(lookup.entry?.metadata.version == 1)
          case .failure(.tooSlow): #expect(number == 50)
          case .failure(let error): Issue.record("\(number): \(error)")
          }
        }
        try holder.run("COMMIT")
        #expect(try await database.read([Key("k50")])[0].entry?.metadata.version == 7)
      }
    }

    @Test("If-Match does not create a key that is being purged")
    func purgedMeanwhile() async throws {
      try await holding("k1", deadline: .seconds(20)) { database, holder, held in
        try holder.run("DELETE FROM entries WHERE key = 'k1'::BYTEA")
        let condition = Condition(ifMatch: .revisions([held.revision]))
        async let conditional = database.write([
          .put("k1", "2", condition: condition), .put("k2", "2"),
        ])
        // It is on its way, and waits for the key.
        _ = try await database.write([.put("k3")])
        try holder.run("COMMIT")
        let receipts = try await conditional
        #expect(receipts[0].outcome == .preconditionFailed(current: nil))
        #expect(try await database.read([Key("k1")])[0].entry == nil)
      }
    }
  }
}

extension OnPostgres {
  @Suite("A part of a call fails")
  struct PartFailureTests {
    /// A database where writing a key named "bad…" fails with an error of `state`.
    private func refusingBad(
      _ state: String, _ body: (PostgresDatabase) async throws -> Void
    ) async throws {
      let target = try TestDatabase(on: try #require(SharedPostgres.current))
      let node = try Node(target.url)
      _ = try await node.database.write([.put("first"), .put("bad-old")])
      try target.admin.run(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.key >= 'bad'::BYTEA AND NEW.key < 'bae'::BYTEA THEN
            RAISE EXCEPTION 'not this one' USING ERRCODE = '\(state)';
          END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON entries
        FOR EACH ROW EXECUTE FUNCTION refuse()
        """)
      try await body(node.database)
      await node.close()
      try target.drop()
    }

    @Test("What the server refuses for good fails alone", arguments: [false, true])
    func rejected(_ isPatient: Bool) async throws {
      try await refusingBad("22023") { database in
        let keys = ["a", "b", "bad", "c", "d"]
        let results = await database.write(each: keys.map { .put($0) }, isPatient: isPatient)
        for (key, result) in zip(keys, results) {
          switch result {
          case .success: #expect(key != "bad")
          case .failure(let error): #expect(key == "bad" && error.isRejected)
          }
        }
        let found = try await database.read(keys.map { Key($0) }).map { $0.entry != nil }
        #expect(found == keys.map { $0 != "bad" })
      }
    }

    @Test("If the outcome of one statement is unknown, those of the others are known")
    func unknown() async throws {
      try await refusingBad("40003") { database in
        let results = await database.write(
          each: [
            .put("a"), .put("b"), .put("bad-old", condition: Condition(ifMatch: .any)),
            .put("c", condition: Condition(ifNoneMatch: .any)), .delete("none"),
          ], isPatient: false)
        let receipts = results.map { try? $0.get() }
        #expect(receipts.map { $0 != nil } == [true, true, false, true, false])
        guard case .failure(.outcomeUnknown) = results[2] else {
          Issue.record("\(results[2])")
          return
        }
        #expect(receipts[0]?.outbox != nil && receipts[3]?.outbox != nil)
      }
    }
  }
}
