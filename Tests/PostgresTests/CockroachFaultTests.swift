import KeyValueStore
import Observability
import StoreContracts
import Synchronization
import TestServices
import Testing

@testable import Postgres
import TestSupport

extension OnCockroach {
  /// What CockroachDB does to transactions and statements, and PostgreSQL seldom does.
  @Suite("Faults of CockroachDB")
  struct CockroachFaultTests {
    /// What clients were told of each key: stored, refused, or unknown (nil).
    private final class Ledger: Sendable {
      let outcomes = Mutex<[String: Bool?]>([:])
      let cancelled = Atomic(0)
    }

    @Test("Deleted rows of tables that are used as queues are collected after ten minutes")
    func collection() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current), isFresh: true)
      let node = try Node(target.url)
      _ = try await node.database.write([.put("first")])
      for table in ["outbox_batches", "operations", "idempotency"] {
        let zone = try target.admin.run(
          "SELECT raw_config_sql FROM [SHOW ZONE CONFIGURATION FROM TABLE \(table)]")
        #expect(zone[0].contains("gc.ttlseconds = 600"), "\(zone[0])")
      }
      await node.close()
      try target.drop()
    }

    @Test("A conflict that never ends is given up within the deadline, and nothing was written")
    func conflicts() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current), isFresh: true)
      let calm = try Node(target.url)
      _ = try await calm.database.write([.put("first")])
      // Every transaction of several statements is refused with 40001.
      let node = try Node(target.url + "&options=-c%20inject_retry_errors_enabled%3Dtrue")
      let batch = Batch(operations: [.write(.put("a")), .write(.put("b"))], isAtomic: true)
      let queued = QueuedWrite(1, .put("c"), at: try target.now())
      let start = ContinuousClock.now
      let failures = [
        await failure { () async throws(StoreError) in _ = try await node.database.execute(batch) },
        await failure { () async throws(StoreError) in _ = try await node.database.apply([queued])
        },
      ]
      #expect(failures.allSatisfy { $0?.isUnavailable == true }, "\(failures)")
      #expect(ContinuousClock.now - start < .seconds(10))
      #expect(node.database.metrics.conflicts.value > 4)
      let lookups = try await calm.database.read(["a", "b", "c"].map { Key($0) })
      #expect(lookups.allSatisfy { $0.entry == nil })
      #expect(try await calm.database.operation(queued.id) == nil)
      // Statements that commit by themselves are tried again by the server.
      _ = try await node.database.write([.put("d")])
      await node.close()
      await calm.close()
      try target.drop()
    }

    @Test("Whatever is cancelled meanwhile, acknowledged writes are there and refused ones are not")
    func cancelledQueries() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current), isFresh: true)
      let node = try Node(target.url, loops: 2)
      _ = try await node.database.write([.put("first")])
      let ledger = Ledger()
      try await withThrowingTaskGroup { group in
        for number in 0..<6 {
          group.addTask {
            for round in 0..<150 {
              let key = "k-\(number)-\(round)"
              let database = node.databases[number % 2]
              let error = await failure { () async throws(StoreError) in
                switch number % 3 {
                case 0: _ = try await database.write([.put(key)])
                case 1:
                  let isAbsent = Condition(ifNoneMatch: .any)
                  _ = try await database.write([.put(key, condition: isAbsent)])
                default:
                  _ = try await database.execute(
                    Batch(operations: [.write(.put(key))], isAtomic: true))
                }
              }
              let isStored: Bool? = error == nil ? true : error?.isUnknown == true ? nil : false
              ledger.outcomes.withLock { $0[key] = .some(isStored) }
            }
          }
        }
        group.addTask {
          while !Task.isCancelled {
            // A statement that has ended meanwhile can't be cancelled: that is no failure here.
            let count = try? target.admin.run(
              """
              CANCEL QUERIES IF EXISTS SELECT query_id FROM [SHOW CLUSTER QUERIES]
              WHERE application_name = 'kv' AND query LIKE '%entries%'
              """)
            if count != nil { ledger.cancelled.add(1, ordering: .relaxed) }
            Polling.pause()
          }
        }
        for _ in 0..<6 { try await group.next() }
        group.cancelAll()
      }
      let there = Set(
        try target.admin.run("SELECT convert_from(key, 'UTF8') FROM entries WHERE version > 0"))
      let outcomes = ledger.outcomes.withLock { $0 }
      #expect(outcomes.count == 900)
      for (key, isStored) in outcomes {
        guard let isStored else { continue }
        #expect(there.contains(key) == isStored, "\(key)")
      }
      #expect(ledger.cancelled.load(ordering: .relaxed) > 10)
      #expect(outcomes.values.contains { $0 != .some(true) }, "nothing was cancelled")
      await node.close()
      try target.drop()
    }
  }
}
