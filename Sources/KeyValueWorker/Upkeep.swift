import Cluster
import KeyValueStore
import Logging
import Service

/// What a worker does for processes of kv-api that can't do it themselves: it publishes changes
/// that a process committed and did not live to publish, and repairs the cache.
struct Upkeep {
  /// Commits in one round, each of as many changes as a batch of writes holds.
  private static let commitsMax = 20

  let executor: any TaskExecutor
  let makeStore: @Sendable () -> Store
  let database: any SharedDatabase & Sendable
  let metrics: WorkerMetrics
  let logger: Logger

  /// Publishes changes that are left in the outbox, and repairs the cache where such a change may
  /// be missing.
  /// - Parameter patience: how long the cache keeps an entry: after that it holds nothing that
  ///   needs repair.
  func relay(patience: Duration) -> RoundsService {
    // The process that commits a change settles it within a fraction of this, unless it fails.
    let age = Duration.seconds(2)
    return RoundsService(every: .seconds(1), on: executor) { [self] in
      let store = makeStore()
      return {
        do throws(StoreError) {
          let report = try await store.relay(
            from: database, olderThan: age, patience: patience, limit: Self.commitsMax)
          metrics.relayed(report)
          return report.batches == Self.commitsMax && report.settled > 0
        } catch {
          metrics.relayFailed()
          logger.debug("relaying failed; it is tried again", metadata: ["cause": "\(error.cause)"])
          return false
        }
      }
    }
  }

  /// Repairs the cache for processes that can't reach it. Their clients wait for it, so the
  /// interval is short: it is a large part of what such a client waits.
  func repair() -> RoundsService {
    RoundsService(every: .milliseconds(100), on: executor) { [self] in
      let store = makeStore()
      return {
        do throws(StoreError) {
          let count = try await store.repairCache(from: database, limit: Self.commitsMax)
          metrics.repaired(count)
          return count > 0
        } catch {
          logger.debug("repairing failed; it is tried again", metadata: ["cause": "\(error.cause)"])
          return false
        }
      }
    }
  }
}
