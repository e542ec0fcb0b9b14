package import KeyValueStore
package import Logging
internal import ServiceLifecycle

/// Purges what has expired or outlived its retention, in small rounds.
package struct PurgeService: Service {
  /// An expired entry's event comes within ten seconds of its expiry: half of that leaves time for
  /// a long round before.
  private static let interval = Duration.seconds(5)

  private let makeStore: @Sendable () -> Store
  private let executor: any TaskExecutor
  private let logger: Logger

  /// Purges through a store of its own, which `executor` runs.
  package init(
    on executor: any TaskExecutor, makeStore: @escaping @Sendable () -> Store, logger: Logger
  ) {
    self.executor = executor
    self.makeStore = makeStore
    self.logger = logger
  }

  /// Purges until the process is told to leave.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(executor) {
        let store = makeStore()
        var reported: String?
        while !Task.isCancelled {
          await purge(store, &reported)
          try? await Task.sleep(for: Self.interval)
        }
      }
    }
  }

  /// Purges until nothing is left; a failure is logged once, however many rounds it lasts.
  private func purge(_ store: Store, _ reported: inout String?) async {
    do throws(StoreError) {
      while try await store.purge().hasMore, !Task.isCancelled {}
      reported = nil
    } catch {
      if reported == error.cause { return }
      reported = error.cause
      logger.warning("purging failed; it is tried again", metadata: ["cause": "\(error.cause)"])
    }
  }
}
