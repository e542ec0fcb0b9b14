import KeyValueStore
import Logging
import ServiceLifecycle

/// Repairs the cache for processes that can't reach it: their clients wait for that.
struct RepairService: Service {
  /// Between two rounds that found nothing: much of what such a client waits.
  private static let interval = Duration.milliseconds(100)
  /// Commits a round, each of as many changes as a batch of writes holds.
  private static let limit = 20

  let executor: any TaskExecutor
  let makeStore: @Sendable () -> Store
  let database: any SharedDatabase & Sendable
  let metrics: WorkerMetrics
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(executor) {
        let store = makeStore()
        while !Task.isCancelled {
          let isBehind = await repair(store)
          if !isBehind { try? await Task.sleep(for: Self.interval) }
        }
      }
    }
  }

  /// One round; true: another should follow at once.
  private func repair(_ store: Store) async -> Bool {
    do throws(StoreError) {
      let count = try await store.repairCache(from: database, limit: Self.limit)
      metrics.repaired(count)
      return count > 0
    } catch {
      logger.debug("repairing failed; it is tried again", metadata: ["cause": "\(error.cause)"])
      return false
    }
  }
}
