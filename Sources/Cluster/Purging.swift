package import KeyValueStore
package import Logging
package import Service

extension RoundsService {
  /// The event of an expired entry is due within ten seconds of its expiry. Half of that leaves
  /// time for a long round.
  private static let purgeInterval = Duration.seconds(5)

  /// Purges expired entries, and records whose retention is over, in small rounds and through a
  /// store of its own. A failure is logged once, however many rounds it lasts.
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
