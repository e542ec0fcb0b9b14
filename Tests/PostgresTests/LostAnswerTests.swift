import Foundation
import KeyValueStore
import Postgres
import StoreContracts
import TestServices
import TestSupport
import Testing

extension OnAnyDatabase {
  /// Commits whose answer was lost.
  @Suite("Lost answers")
  struct LostAnswerTests {
    /// A database behind a relay, and a node that reaches it only through the relay.
    private func onLossyDatabase(
      _ body: (TestDatabase, LossyRelay, PostgresDatabase) async throws -> Void
    ) async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current))
      let address = try #require(target.url.firstMatch(of: /127\.0\.0\.1:(\d+)/))
      let relay = try LossyRelay(before: try #require(UInt16(address.1)))
      let url = target.url.replacing(address.0, with: "127.0.0.1:\(relay.port)")
      let node = try Node(url)
      _ = try await node.database.write([.put("k", "0"), .put("deleted")])
      try await body(target, relay, node.database)
      await node.close()
      relay.close()
      try target.drop()
    }

    /// Writes, and loses the answer; returns the name of the commit, which has taken place.
    private func lose(
      _ writes: [Write], _ target: TestDatabase, _ relay: LossyRelay, _ database: PostgresDatabase
    ) async throws -> OutboxID {
      try await served { () async throws(StoreError) in try await database.checkHealth() }
      let count = try target.admin.number("SELECT count(*) FROM outbox_batches")
      relay.loseAnswers()
      let error = await failure { () async throws(StoreError) in
        _ = try await database.write(writes)
      }
      relay.deliverAnswers()
      guard case .outcomeUnknown(_, let commit)? = error else {
        throw ServiceFailure("not unknown: \(String(describing: error))")
      }
      try Polling.wait(for: "commit") {
        try target.admin.number("SELECT count(*) FROM outbox_batches") == count + 1
      }
      return try #require(commit)
    }

    /// Tries until the database is connected again.
    private func served<Result>(
      _ call: () async throws(StoreError) -> Result
    ) async throws -> Result {
      let end = ContinuousClock.now + .seconds(20)
      while true {
        do throws(StoreError) {
          return try await call()
        } catch {
          guard error.isUnavailable, ContinuousClock.now < end else { throw error }
          Polling.pause()
        }
      }
    }

    @Test("A write whose answer was lost counts once, though it is queued again")
    func countedOnce() async throws {
      try await onLossyDatabase { target, relay, database in
        let start = try #require(database.clock)
        let calls: [[Write]] = [[.put("k", "1"), .put("k", "2")], [.delete("deleted")]]
        var applied: [AppliedWrite] = []
        for (number, writes) in calls.enumerated() {
          let commit = try await lose(writes, target, relay, database)
          let copy = QueuedWrite(
            id: OperationID(trusted: "\(number)"), write: writes[0], acceptedAt: start,
            attempt: commit)
          applied += try await served { () async throws(StoreError) in
            try await database.apply([copy])
          }
        }
        #expect(applied.allSatisfy { $0.outcome == nil && $0.record.state == .applied })
        let entry = try #require(
          try await served { () async throws(StoreError) in
            try await database.read([Key("k")])[0].entry
          })
        #expect(entry.metadata.version == 3 && entry.value == Array("2".utf8))
        #expect(applied[0].record.revision == entry.metadata.revision)
        let deleted = try await served { () async throws(StoreError) in
          try await database.read([Key("deleted")])[0].entry
        }
        #expect(deleted == nil)
      }
    }

    @Test("Additions whose answer was lost count once: nothing repeats them")
    func additions() async throws {
      try await onLossyDatabase { target, relay, database in
        _ = try await lose([.add("k", 5), .add("k", 2)], target, relay, database)
        let entry = try await served { () async throws(StoreError) in
          try await database.read([Key("k")])[0].entry
        }
        #expect(entry?.value == Array("7".utf8) && entry?.metadata.version == 3)
      }
    }

    @Test("A write whose answer was lost does not undo a later one when it is queued again")
    func notUndone() async throws {
      try await onLossyDatabase { target, relay, database in
        let start = try #require(database.clock)
        let commit = try await lose([.put("k", "1")], target, relay, database)
        _ = try await served { () async throws(StoreError) in
          try await database.write([.put("k", "2")])
        }
        for (number, attempt) in [commit, nil].enumerated() {
          let copy = QueuedWrite(
            id: OperationID(trusted: "\(number)"), write: .put("k", "1"), acceptedAt: start,
            attempt: attempt)
          let applied = try await served { () async throws(StoreError) in
            try await database.apply([copy])[0]
          }
          // Without the name of the commit it can't be known that it was this write.
          #expect(applied.record.state == (attempt == nil ? .superseded : .applied))
        }
        let entry = try #require(
          try await served { () async throws(StoreError) in
            try await database.read([Key("k")])[0].entry
          })
        #expect(entry.metadata.version == 3 && entry.value == Array("2".utf8))
      }
    }
  }
}
