internal import KeyValueStore

/// A fault that is planted into a run, to see whether runs find it. Each is one broken rule, in a
/// subclass of a simulated port or in a parameter: the product has no switch for it.
package enum Plant: String, CaseIterable, Sendable {
  case none
  // The faults of earlier releases.
  /// The stored outcome of a request is given to others, with other permissions.
  case permissions
  /// A write with an unknown outcome is accepted as of now, not as of its first attempt.
  case lateAttempt
  /// A replayed write brings its entry back if that was deleted meanwhile.
  case revival
  /// If a part of a batch fails, all of its writes are reported as unknown.
  case partialFailure
  /// A message is applied although the tombstone that forbids it is gone.
  case outlivedTombstone
  /// Acceptances come from the clock of the node's machine.
  case machineClock
  /// A write whose cache update failed is acknowledged before the cache is repaired.
  case noRepair
  /// A refused event is taken for a published one.
  case lostEvent

  // Others.
  /// A look-up is answered by one that began before it.
  case staleLookup
  /// A worker acknowledges its deliveries before it applies them.
  case earlyAcknowledgement
  /// A commit is settled before the feed has its changes.
  case earlySettlement
  /// A new master of the cache is used while others may trust the previous one.
  case hastyMaster
  /// An update makes an entry in a new master while others may tell the previous one a newer one.
  case hastyEntry
  /// A session with the cache is read from at once.
  case hastySession
  /// A reader fills the cache without a lease.
  case noLease
  /// A write that is delivered twice is not recognized.
  case forgottenOperations
  /// What was evicted is forgotten, so that an older update is kept.
  case forgottenEvictions

  /// All faults.
  package static var faults: [Plant] { allCases.filter { $0 != .none } }

  func database(to server: SimulatedDatabase, of process: Process) -> DatabaseConnection {
    let type: DatabaseConnection.Type =
      switch self {
      case .revival: RevivingDatabase.self
      case .partialFailure: AllOrNothingDatabase.self
      case .outlivedTombstone: ForgetfulDatabase.self
      case .forgottenOperations: RepeatingDatabase.self
      case .staleLookup: StaleDatabase.self
      default: DatabaseConnection.self
      }
    return type.init(to: server, of: process, published: PublishedChanges())
  }

  func cache(to redis: SimulatedRedis, of process: Process) -> CacheConnection {
    let type: CacheConnection.Type =
      switch self {
      case .hastyMaster: HastyCache.self
      case .hastyEntry: HastyEntryCache.self
      case .hastySession: HastySessionCache.self
      case .noLease: LeaselessCache.self
      case .forgottenEvictions: ForgetfulCache.self
      default: CacheConnection.self
      }
    return type.init(to: redis, of: process)
  }

  func queue(to queue: SimulatedQueue, of process: Process) -> QueueConnection {
    let type = self == .lateAttempt ? LateQueue.self : QueueConnection.self
    return type.init(to: queue, of: process)
  }

  func feed(
    to feed: SimulatedFeed, of process: Process, settlingIn database: DatabaseConnection
  ) -> FeedConnection {
    let type: FeedConnection.Type =
      switch self {
      case .lostEvent: LossyFeed.self
      case .earlySettlement: HastyFeed.self
      default: FeedConnection.self
      }
    return type.init(to: feed, of: process, settlingIn: database)
  }
}

// MARK: - Databases

private final class RevivingDatabase: DatabaseConnection {
  override func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    var results = await super.write(each: writes, isPatient: isPatient)
    for (place, write) in writes.enumerated() {
      guard case .success(let receipt) = results[place], receipt.isReplayed else { continue }
      let again = Write(
        key: write.key, mutation: write.mutation, condition: Condition(ifNoneMatch: .any))
      let written = await super.write(each: [again], isPatient: true)
      if case .success(let new) = written[0], new.outcome.hasWritten { results[place] = written[0] }
    }
    return results
  }
}

private final class AllOrNothingDatabase: DatabaseConnection {
  override func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    let results = await super.write(each: writes, isPatient: isPatient)
    let hasFailed = results.contains { (try? $0.get()) == nil }
    return hasFailed ? writes.map { _ in .failure(.outcomeUnknown(cause: "a part")) } : results
  }
}

private final class ForgetfulDatabase: DatabaseConnection {
  override var applyRules: Tables.ApplyRules { Tables.ApplyRules(haveTombstones: false) }
}

private final class RepeatingDatabase: DatabaseConnection {
  override var applyRules: Tables.ApplyRules { Tables.ApplyRules(areKnown: false) }
}

private final class StaleDatabase: DatabaseConnection {
  private var last: (keys: [Key], lookups: [Lookup])?

  override func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    if let last, last.keys == keys {
      self.last = nil
      return last.lookups
    }
    let lookups = try await super.read(keys)
    last = (keys, lookups)
    return lookups
  }
}

// MARK: - Caches

private final class HastyCache: CacheConnection {
  override var isDisputed: Bool { false }
}

private final class HastyEntryCache: CacheConnection {
  override var createsEarly: Bool { true }
}

private final class HastySessionCache: CacheConnection {
  override var quarantine: Duration { .zero }
}

private final class LeaselessCache: CacheConnection {
  override func fill(_ key: Key, with lookup: Lookup, lease: Lease, in space: inout CacheSpace) {
    space.force(key, lookup)
  }
}

private final class ForgetfulCache: CacheConnection {
  override func evict(_ key: Key, from space: inout CacheSpace) { space.force(key, nil) }
}

// MARK: - Queue and feed

private final class LateQueue: QueueConnection {
  override func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    var queued = queued
    if queued.attempt != nil { queued.acceptedAt = process.stage.databaseTime }
    queued.attempt = nil
    return try await super.submit(queued)
  }
}

private final class LossyFeed: FeedConnection {
  override var takesRefusals: Bool { true }
}

private final class HastyFeed: FeedConnection {
  override func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    if let id { settle(id) }
    try await super.publish(changes, settling: id)
  }
}
