import KeyValueStore
import Logging
import ServiceLifecycle

/// Purges what has expired or outlived its retention, in small rounds.
struct UpkeepService: Service {
  /// An expired entry's event comes within ten seconds of its expiry: half of that leaves time for
  /// a long round before.
  static let interval = Duration.seconds(5)

  let makeStore: @Sendable () -> Store
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      let store = makeStore()
      while !Task.isCancelled {
        await purge(store)
        try? await Task.sleep(for: Self.interval)
      }
    }
  }

  private func purge(_ store: Store) async {
    do throws(StoreError) {
      while try await store.purge().hasMore, !Task.isCancelled {}
    } catch {
      logger.warning("purging failed; it is tried again", metadata: ["cause": "\(error)"])
    }
  }
}
