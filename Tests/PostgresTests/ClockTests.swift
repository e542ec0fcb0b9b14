import KeyValueStore
import Postgres
import StoreContracts
import TestServices
import Testing

extension OnAnyDatabase {
  /// Whose clock may be set, while this machine's stays as it is.
  @Suite("Clocks")
  struct ClockTests {
    private func onClock(
      _ body: (TestDatabase, PostgresDatabase) async throws -> Void
    ) async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current))
      try target.advance(seconds: -7_200)
      let node = try Node(target.url) {
        $0.deadline = .seconds(20)
        $0.clock = TestDatabase.clock
      }
      try await body(target, node.database)
      await node.close()
      try target.drop()
    }

    @Test("A node knows the database's clock by every answer, and is never ahead of it")
    func heard() async throws {
      try await onClock { target, database in
        for step in [0, 3_600, -600] as [Int64] {
          try target.advance(seconds: step)
          let receipt = try await database.write([.put("k")])[0]
          let known = try #require(database.clock)
          guard case .stored(let metadata) = receipt.outcome else { continue }
          // What is accepted now comes after what was written before.
          let time = try target.now()
          #expect(metadata.updatedAt <= known && known <= time)
          try target.advance(seconds: step)
          let batch = Batch(operations: [.write(.put("b"))], isAtomic: true)
          _ = try await database.execute(batch)
          let again = try #require(database.clock)
          let entry = try #require(try await database.read([Key("b")])[0].entry)
          let later = try target.now()
          #expect(entry.metadata.updatedAt <= again && again <= later)
        }
      }
    }

    @Test("A node that has nothing to do hears of the database's clock all the same")
    func idle() async throws {
      try await onClock { target, database in
        _ = try await database.write([.put("k")])
        for step in [7_200, -3_600] as [Int64] {
          try target.advance(seconds: step)
          let time = try target.now()
          try Polling.wait(for: "the clock to be followed") {
            let known = database.clock ?? time.adding(seconds: -60)
            return abs(known.microseconds - time.microseconds) < 60_000_000
          }
        }
      }
    }
  }
}
