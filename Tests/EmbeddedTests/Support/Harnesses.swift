import Embedded
import KeyValueStore
import Observability
import StoreContracts
import TestSupport

/// An embedded database in a folder of its own, on a clock that the test moves.
final class EmbeddedDatabaseHarness: DatabaseHarness, WriteQueueHarness {
  let folder: TemporaryFolder
  let clock = TestClock()
  let registry: MetricsRegistry
  let metrics: EmbeddedMetrics
  private let configuration: EmbeddedConfiguration
  private(set) var embedded: EmbeddedDatabase

  init(_ change: (inout EmbeddedConfiguration) -> Void = { _ in }) throws {
    folder = try TemporaryFolder()
    registry = MetricsRegistry()
    metrics = EmbeddedMetrics(in: registry)
    var configuration = EmbeddedConfiguration()
    configuration.dataFolder = folder.path(of: "data")
    configuration.now = { [clock] in clock.now }
    change(&configuration)
    self.configuration = configuration
    embedded = try EmbeddedDatabase(configuration, metrics: metrics)
  }

  var database: any Database { embedded }
  var queue: any WriteQueue { EmbeddedQueue(database: embedded) }

  func now() -> Timestamp { clock.now }
  func advance(seconds: Int64) { clock.advance(seconds: seconds) }
  func drain() {}

  func reopen() async throws {
    await embedded.close()
    embedded = try EmbeddedDatabase(configuration, metrics: metrics)
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

/// An embedded cache of 8 MiB.
final class EmbeddedCacheHarness: CacheHarness {
  private let clock = TestClock()
  private let embedded: EmbeddedCache

  init() {
    embedded = EmbeddedCache(bytesMax: 8 << 20, leaseSeconds: 5) { [clock] in clock.now }
  }

  var cache: any Cache { embedded }

  func endLeases() { clock.advance(seconds: 5) }

  func evictAll() async {
    let value = [UInt8](repeating: 0, count: 100_000)
    for number in 0..<1_000 {
      let key = Key(trusted: Array("filling \(number)".utf8))
      guard case .miss(.some(let lease)) = await embedded.find(key) else { continue }
      // Older than all that a test writes.
      let time = Timestamp(microseconds: 1)
      let metadata = Metadata(
        key: key, revision: Revision(1), version: 1, size: value.count, contentType: "",
        createdAt: time, updatedAt: time, expiresAt: nil)
      await embedded.fill(
        key, with: .found(Entry(metadata: metadata, value: value)), lease: lease)
    }
  }
}

/// An embedded feed that keeps 4,000 changes.
final class EmbeddedChangeFeedHarness: ChangeFeedHarness {
  private var embedded: EmbeddedChangeFeed

  init() { embedded = EmbeddedChangeFeed(eventsMax: 4_000) }

  var feed: any ChangeFeed & Sendable { embedded }

  func waiting(_ count: Int) async {
    while embedded.waitingWatchers < count { await Task.yield() }
  }

  func outgrow() async throws {
    for number in 0..<4_001 {
      let key = Key(trusted: Array("more \(number)".utf8))
      try await embedded.publish([Change(key: key, revision: Revision(1), kind: .delete)])
    }
  }

  func restart() {
    embedded = EmbeddedChangeFeed(eventsMax: 4_000)
  }
}
