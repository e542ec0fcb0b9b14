package import KeyValueStore
package import Logging
package import Service

extension RoundsService {
  /// An expired entry's event comes within ten seconds of its expiry: half of that leaves time for
  /// a long round before.
  private static let purgeInterval = Duration.seconds(5)

  /// Purges what has expired or outlived its retention, in small rounds, through a store of its
  /// own. A failure is logged once, however many rounds it lasts.
  package static func purging(
    on executor: any TaskExecutor, makeStore: @escaping @Sendable () -> Store, logger: Logger
  ) -> RoundsService {
    RoundsService(every: purgeInterval, on: executor) {
      let store = makeStore()
      var reported: String?
      return {
        do throws(StoreError) {
          let hasMore = try await store.purge().hasMore
          reported = nil
          return hasMore
        } catch {
          if reported != error.cause {
            logger.warning(
              "purging failed; it is tried again", metadata: ["cause": "\(error.cause)"])
          }
          reported = error.cause
          return false
        }
      }
    }
  }
}
