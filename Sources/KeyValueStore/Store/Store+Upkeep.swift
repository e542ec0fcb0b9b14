/// What operators and the purging task ask of a store.
extension Store {
  /// How full the cache is and how well it serves.
  public func cacheStatistics() async -> CacheStatistics {
    await cache.statistics()
  }

  /// Asks each backing service whether it works. Writes nothing.
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
      // Too busy for the check is not away. Were a server unready under load, its work would fall
      // to others, who would be next.
      var isBusy = false
      if case .overloaded = error { isBusy = true }
      return StoreHealth.Component(name: name, isHealthy: isBusy, detail: error.cause)
    }
  }

  /// One round of purging: expired entries become tombstones, with an `expire` event each; then
  /// what is past its retention goes. At most `limits.purgeMax` of either.
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
