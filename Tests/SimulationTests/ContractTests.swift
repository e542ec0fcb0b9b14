import KeyValueStore
import Simulation
import StoreContracts
import Testing

@Suite("The simulated ports keep the contracts of their ports", .timeLimit(.minutes(5)))
struct ContractTests {
  @Test("Database", arguments: DatabaseContract.cases)
  func database(_ sentence: DatabaseContract.Case) throws {
    try World().run { try await sentence.prove(PortFixture(in: $0, $0.services)) }
  }

  @Test("Shared database", arguments: SharedDatabaseContract.cases)
  func sharedDatabase(_ sentence: SharedDatabaseContract.Case) throws {
    try World().run { try await sentence.prove(PortFixture(in: $0, $0.services)) }
  }

  @Test("Cache", arguments: CacheContract.cases)
  func cache(_ sentence: CacheContract.Case) throws {
    try World().run { world in
      let fixture = PortFixture(in: world, world.services)
      while (try? await fixture.cache.checkHealth()) == nil {
        await world.services.stage.simulator.pause(for: .milliseconds(10))
      }
      try await sentence.prove(fixture)
    }
  }

  @Test("Queue", arguments: WriteQueueContract.cases)
  func queue(_ sentence: WriteQueueContract.Case) throws {
    try World().run { world in
      let worker = Node(Process("worker", on: world.services.stage), in: world.services)
      worker.work()
      try await sentence.prove(PortFixture(in: world, world.services))
      worker.process.die()
      world.services.queue.wake()
    }
  }

  /// Its followers are tasks of their own, which no simulator runs.
  @Test("Change feed", arguments: ChangeFeedContract.cases)
  func feed(_ sentence: ChangeFeedContract.Case) async throws {
    try await sentence.prove(FeedFixture())
  }
}

/// Runs one case on a simulator of its own, where messages travel and nothing goes wrong.
private actor World {
  nonisolated let simulator: Simulator
  let services: Services

  nonisolated var unownedExecutor: UnownedSerialExecutor { simulator.asUnownedSerialExecutor() }

  init() {
    services = Services(on: Stage(seed: 1))
    simulator = services.stage.simulator
    // The contract of the cache has revisions of about the simulation's beginning.
    services.stage.advanceDatabase(by: .seconds(-86_400))
  }

  nonisolated func run(
    _ body: @escaping @Sendable (isolated World) async throws -> Void
  ) throws {
    let result = try simulator.run {
      do {
        try await body(self)
        return Result<Void, any Error>.success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// Lends a connection of its own to one of several tasks.
  func lend(
    _ number: Int, to body: @Sendable (Int, any Database) async throws -> Void
  ) async throws {
    try await body(number, services.connection())
  }
}

extension Services {
  fileprivate func connection(
    settling published: PublishedChanges = PublishedChanges()
  ) -> DatabaseConnection {
    DatabaseConnection(to: database, of: Process("test", on: stage), published: published)
  }
}

/// The simulated ports of one process.
private final class PortFixture: SharedDatabaseHarness, CacheHarness, WriteQueueHarness {
  private let world: World
  private let services: Services
  private let connection: DatabaseConnection
  private let cacheConnection: CacheConnection
  let published = PublishedChanges()
  let queue: any WriteQueue

  init(in world: World, _ services: Services) {
    self.world = world
    self.services = services
    connection = services.connection(settling: published)
    let process = Process("test", on: services.stage)
    cacheConnection = CacheConnection(to: services.redis, of: process)
    queue = QueueConnection(to: services.queue, of: process)
  }

  var database: any Database { connection }
  var shared: any SharedDatabase { connection }
  var cache: any Cache { cacheConnection }

  func now() -> Timestamp { services.database.now }

  func advance(seconds: Int64) { services.stage.advanceDatabase(by: .seconds(seconds)) }

  /// The server lives as long as the run.
  func reopen() {}

  func endLeases() { cacheConnection.endLeases() }
  func evictAll() { cacheConnection.evictAll() }

  func drain() async {
    while !services.queue.isEmpty { await services.stage.travel() }
  }

  func concurrently(
    _ count: Int, _ body: @escaping @Sendable (Int, any Database) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<count {
        group.addTask { [world] in try await world.lend(number, to: body) }
      }
      try await group.waitForAll()
    }
  }
}

private final class FeedFixture: ChangeFeedHarness {
  private let log = FeedLog()

  var feed: any ChangeFeed & Sendable { log }

  func waiting(_ count: Int) async { while log.waiting != count { await Task.yield() } }

  func outgrow() { log.drop() }

  /// It lives as long as the test.
  func restart() {}
}
