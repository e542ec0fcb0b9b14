package import KeyValueStore

/// The services that all nodes of a run share.
package struct Services {
  package let stage: Stage
  package let database: SimulatedDatabase
  package let redis: SimulatedRedis
  package let queue: SimulatedQueue
  package let feed: SimulatedFeed

  package init(on stage: Stage) {
    self.stage = stage
    database = SimulatedDatabase(on: stage)
    redis = SimulatedRedis(on: stage)
    queue = SimulatedQueue(on: stage)
    feed = SimulatedFeed(on: stage)
  }
}

/// A process of kv-api or kv-worker: a store on connections of its own.
package final class Node {
  package let process: Process
  package let store: Store
  package let cache: CacheConnection
  private let services: Services
  private let database: DatabaseConnection
  let plant: Plant

  /// - Parameter plant: the fault that is planted.
  package init(_ process: Process, in services: Services, plant: Plant = .none) {
    self.process = process
    self.services = services
    self.plant = plant
    let database = plant.database(to: services.database, of: process)
    self.database = database
    cache = plant.cache(to: services.redis, of: process)
    let usesMachineTime = plant == .machineClock
    // Read on the simulator's thread only, as everything.
    nonisolated(unsafe) let clocks = (database, process)
    store = Store(
      database: database, cache: cache, queue: plant.queue(to: services.queue, of: process),
      feed: plant.feed(to: services.feed, of: process, settlingIn: database),
      repairs: plant == .noRepair
        ? nil
        : CacheRepairs(
          database: database, evidence: RepairEvidence(trustTime: KnownMaster.voteLifetime),
          clock: process.clock),
      inFlight: IdempotencyRegistry(), observer: SilentObserver(),
      now: { usesMachineTime ? clocks.1.machineTime : clocks.0.clock }, clock: process.clock,
      random: process.stage.chance)
  }

  /// Has the database's clock heard, as every process has before it serves.
  /// False: it could not.
  package func warmUp() async -> Bool { (try? await database.checkHealth()) != nil }

  // MARK: As a worker

  /// Begins what a worker does.
  package func work() {
    let stage = process.stage
    stage.spawn { await self.applyQueued() }
    stage.spawn { await self.repairCache() }
    stage.spawn { await self.rounds(every: .seconds(1)) { await self.relay() } }
    stage.spawn { await self.rounds(every: .seconds(5)) { _ = try? await self.store.purge() } }
  }

  private func rounds(every interval: Duration, _ round: () async -> Void) async {
    let chance = process.stage.chance
    await process.stage.simulator.pause(
      for: chance.milliseconds(0...Int(interval.microseconds / 1_000)))
    while process.isAlive {
      await round()
      await process.stage.simulator.pause(for: interval)
    }
  }

  /// Applies what the queue delivers, and acknowledges it.
  private func applyQueued() async {
    let source = QueueSource(from: services.queue, of: process)
    let applier = Applier(
      store: store, database: database, source: source, observer: SilentObserver()
    ) { { .milliseconds(50) } }
    while process.isAlive {
      let deliveries = await source.next()
      if plant == .earlyAcknowledgement { source.acknowledge(deliveries) }
      await applier.apply(deliveries)
    }
  }

  private func relay() async {
    // Otherwise the round would find nothing.
    guard !services.database.tables.outbox.isEmpty else { return }
    _ = try? await store.relay(
      from: database, olderThan: .seconds(2), patience: .seconds(300), limit: 20)
  }

  private func repairCache() async {
    let stage = process.stage
    while process.isAlive {
      await services.database.untilRepairIsRequested()
      await stage.simulator.pause(for: stage.chance.milliseconds(0...100))
      guard process.isAlive else { return }
      if let count = try? await store.repairCache(from: database, limit: 20), count > 0 { continue }
      await stage.simulator.pause(for: .milliseconds(100))
    }
  }
}

/// Counts nothing.
private struct SilentObserver: StoreObserver, ApplierObserver {
  func cacheAnswered(_ answer: ObservedAnswer) {}
  func readBatchEnded(keys: Int, readers: Int, duration: Duration, error: StoreError?) {}
  func writeBatchEnded(writes: Int, bytes: Int, duration: Duration, error: StoreError?) {}
  func batchExecuted(operations: Int, duration: Duration, error: StoreError?) {}
  func cacheUpdateFailed(keys: Int) {}
  func publishFailed(changes: Int, error: StoreError) {}
  func refused(_ work: ObservedWork) {}
  func purged(_ report: PurgeReport) {}
  func took(_ count: Int, oldest: Timestamp?) {}
  func finished(_ count: Int) {}
  func applied(_ queued: [QueuedWrite], _ results: [AppliedWrite], duration: Duration) {}
  func retried(_ error: StoreError, isFirst: Bool) {}
  func returned(_ count: Int, deliveries: Int, _ operation: OperationID?) {}
  func buried(_ operation: OperationID?, cause: String) {}
}
