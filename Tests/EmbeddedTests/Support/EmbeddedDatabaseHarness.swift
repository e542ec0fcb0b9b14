import Embedded
import KeyValueStore
import StoreContracts

/// An embedded database in a folder of its own, on a clock that the test moves.
final class EmbeddedDatabaseHarness: DatabaseHarness, WriteQueueHarness {
  let folder: TemporaryFolder
  let clock = TestClock()
  private let configuration: EmbeddedConfiguration
  private(set) var embedded: EmbeddedDatabase

  init(_ change: (inout EmbeddedConfiguration) -> Void = { _ in }) throws {
    folder = try TemporaryFolder()
    var configuration = EmbeddedConfiguration()
    configuration.dataFolder = folder.path(of: "data")
    configuration.now = { [clock] in clock.now }
    change(&configuration)
    self.configuration = configuration
    embedded = try EmbeddedDatabase(configuration)
  }

  var database: any Database { embedded }
  var queue: any WriteQueue { EmbeddedQueue(database: embedded) }

  func now() -> Timestamp { clock.now }
  func advance(seconds: Int64) { clock.advance(seconds: seconds) }
  func drain() {}

  func reopen() async throws {
    await embedded.close()
    embedded = try EmbeddedDatabase(configuration)
  }

  func concurrently(
    _ count: Int, _ body: @escaping @Sendable (Int, any Database) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup { group in
      for number in 0..<count {
        group.addTask { [embedded] in try await body(number, embedded) }
      }
      try await group.waitForAll()
    }
  }
}
