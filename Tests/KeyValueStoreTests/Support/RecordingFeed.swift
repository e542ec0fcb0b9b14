import KeyValueStore
import Synchronization

/// Writes down what is published. Nobody can follow it: the store never does.
final class RecordingFeed: ChangeFeed, Sendable {
  /// Held before a publication is written down.
  let beforePublish = Gate()
  private let recorded = Mutex<[[Change]]>([])
  private let failure = Mutex<StoreError?>(nil)

  /// One element a publication, in order.
  var publications: [[Change]] { recorded.withLock { $0 } }

  /// Every publication fails with `error` from now on.
  func fail(with error: StoreError) { failure.withLock { $0 = error } }

  func flush() async throws(StoreError) {}

  func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    await beforePublish.pass()
    if let error = failure.withLock({ $0 }) { throw error }
    recorded.withLock { $0.append(changes) }
  }

  func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    throw .unavailable(cause: "only publishing is under test", retryAfter: 1)
  }
}
