import KeyValueStore
import Logging
import ServiceLifecycle

/// Publishes changes that a process committed and did not live to publish, and repairs the cache
/// where such a change may be missing.
struct RelayService: Service {
  /// Between two rounds that found nothing.
  private static let interval = Duration.seconds(1)
  /// Whoever commits a change settles it within a fraction of this, unless something went wrong.
  private static let age = Duration.seconds(2)
  /// Commits a round, each of as many changes as a batch of writes holds.
  private static let limit = 20

  let executor: any TaskExecutor
  let makeStore: @Sendable () -> Store
  let database: any SharedDatabase & Sendable
  /// How long the cache keeps an entry: after that it can hold nothing that needs repair.
  let patience: Duration
  let metrics: WorkerMetrics
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(executor) {
        let store = makeStore()
        while !Task.isCancelled {
          let isBehind = await relay(store)
          if !isBehind { try? await Task.sleep(for: Self.interval) }
        }
      }
    }
  }

  /// One round; true: another should follow at once.
  private func relay(_ store: Store) async -> Bool {
    do throws(StoreError) {
      let report = try await store.relay(
        from: database, olderThan: Self.age, patience: patience, limit: Self.limit)
      metrics.relayed(report)
      return report.batches == Self.limit && report.settled > 0
    } catch {
      metrics.relayFailed()
      logger.debug("relaying failed; it is tried again", metadata: ["cause": "\(error.cause)"])
      return false
    }
  }
}
