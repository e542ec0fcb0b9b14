import KeyValueStore
import StoreContracts
import TestServices
import Testing

@testable import Postgres
import TestSupport

extension OnAnyDatabase {
  /// The database's clock may be set, while the clock of this machine stays as it is.
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

    @Test("A node learns the database's clock with every answer, and is never ahead of it")
    func heard() async throws {
      try await onClock { target, database in
        for step in [0, 3_600, -600] as [Int64] {
          try target.advance(seconds: step)
          let receipt = try await database.write([.put("k")])[0]
          let known = try #require(database.clock)
          guard case .stored(let metadata) = receipt.outcome else { continue }
          // A write that is accepted now comes after those that were made before.
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

    @Test("An idle node follows the database's clock, too")
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

@Suite("The database's clock, as a node knows it")
struct DatabaseClockTests {
  private static let hour: Int64 = 3_600_000_000
  private let clock = DatabaseClock()

  /// Whether it says `time`, give or take the time that the test itself takes.
  private func says(_ time: Int64) -> Bool {
    guard let now = clock.now else { return false }
    return now >= time && now < time + Self.hour
  }

  @Test("It says nothing before the first reading")
  func nothing() {
    #expect(clock.now == nil && clock.isSilent(for: .seconds(1)))
    clock.hear(5 * Self.hour, least: nil)
    #expect(says(5 * Self.hour) && !clock.isSilent(for: .seconds(3_600)))
  }

  @Test("Of several readings, the one that was on its way for the shortest time counts")
  func shortest() {
    clock.hear(10 * Self.hour, least: nil)
    // Sent when the clock said ten, and answered two hours later: both readings are correct.
    clock.hear(12 * Self.hour, least: 10 * Self.hour)
    #expect(says(12 * Self.hour))
    // Sent at ten, too, and answered before the last one, but it arrives only now.
    clock.hear(11 * Self.hour, least: 10 * Self.hour)
    #expect(says(12 * Self.hour))
  }

  @Test("A clock that was set back is followed")
  func setBack() {
    clock.hear(10 * Self.hour, least: nil)
    clock.hear(4 * Self.hour, least: 10 * Self.hour)
    #expect(says(4 * Self.hour))
  }
}
