/// Health, statistics and purging.
extension Store {
  public func cacheStatistics() async -> CacheStatistics {
    await cache.statistics()
  }

  /// Checks each backing service. Writes nothing.
  public func health() async -> StoreHealth {
    let database = await component(.database) { [database] () throws(StoreError) in
      try await database.checkHealth()
    }
    let cache = await component(.cache) { [cache] () throws(StoreError) in
      try await cache.checkHealth()
    }
    let queue = await component(.queue) { [queue] () throws(StoreError) in
      try await queue.checkHealth()
    }
    return StoreHealth(components: [database, cache, queue])
  }

  private func component(
    _ name: StoreHealth.Component.Name, check: () async throws(StoreError) -> Void
  ) async -> StoreHealth.Component {
    do {
      try await check()
      return StoreHealth.Component(name: name, isHealthy: true, detail: nil)
    } catch {
      // A service that is too busy for the check is not away. If a server became unready under
      // load, its work would go to the other servers, which would be next.
      var isBusy = false
      if case .overloaded = error { isBusy = true }
      return StoreHealth.Component(name: name, isHealthy: isBusy, detail: error.cause)
    }
  }

  /// One round of purging: expired entries become tombstones, with an `expire` event each; then
  /// records that are older than their retention are removed. At most `limits.purgeMax` of either.
  ///
  /// Errors: `unavailable`, `overloaded`. What was purged before the error has been published.
  public func purge() async throws(StoreError) -> PurgeReport {
    let expired = try await database.purgeExpired(limit: limits.purgeMax)
    await publisher.publish(CommittedChanges(purged: expired))
    let removed = try await database.purgeRetained(limit: limits.purgeMax)
    let report = PurgeReport(
      expired: expired.changes.count, removed: removed,
      hasMore: expired.changes.count >= limits.purgeMax || removed >= limits.purgeMax)
    observer.purged(report)
    return report
  }
}

/// The result of one round of purging.
public struct PurgeReport: Equatable, Sendable {
  /// Expired entries that became tombstones.
  public let expired: Int
  /// Tombstones, operations and idempotency keys that were older than their retention.
  public let removed: Int
  /// Whether a limit was reached, so that another round should follow at once.
  public let hasMore: Bool

  public init(expired: Int, removed: Int, hasMore: Bool) {
    self.expired = expired
    self.removed = removed
    self.hasMore = hasMore
  }
}

/// Which of the services behind a store work.
public struct StoreHealth: Equatable, Sendable {
  /// Database, cache and queue, in this order.
  public let components: [Component]

  public struct Component: Equatable, Sendable {
    public let name: Name
    public let isHealthy: Bool
    /// Why it is not healthy, or that it is busy; nil otherwise. For operators: it may name hosts.
    public let detail: String?

    /// With the names that the API uses.
    public enum Name: String, Sendable {
      case database
      case cache
      case queue
    }

    public init(name: Name, isHealthy: Bool, detail: String?) {
      self.name = name
      self.isHealthy = isHealthy
      self.detail = detail
    }
  }

  /// The whole in one word, as the API spells it.
  public enum Status: String, Sendable {
    case healthy
    /// Keys are served, but the cache or the queue is away.
    case degraded
    /// The database is away: only cached keys are served.
    case unhealthy
  }

  public init(components: [Component]) {
    self.components = components
  }

  public var status: Status {
    let failing = components.filter { !$0.isHealthy }
    if failing.isEmpty { return .healthy }
    return failing.contains { $0.name == .database } ? .unhealthy : .degraded
  }
}
