import KeyValueStore
import Synchronization

/// Records what is published. It has no subscriptions, which the store does not use.
final class RecordingFeed: ChangeFeed, Sendable {
  /// Held before a publication is recorded.
  let beforePublish = Gate()
  private let recorded = Mutex<[[Change]]>([])
  private let failure = Mutex<StoreError?>(nil)

  /// One element for each publication, in order.
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

/// Records the events of a store, without durations.
final class RecordingObserver: StoreObserver, Sendable {
  enum Event: Equatable {
    case answered(ObservedAnswer)
    case readBatch(keys: Int, readers: Int, error: StoreError?)
    case writeBatch(writes: Int, bytes: Int, error: StoreError?)
    case batch(operations: Int, error: StoreError?)
    case cacheUpdateFailed(keys: Int)
    case publishFailed(changes: Int, error: StoreError)
    case refused(ObservedWork)
    case purged(PurgeReport)
  }

  private let recorded = Mutex<[Event]>([])

  var events: [Event] { recorded.withLock { $0 } }

  private func record(_ event: Event) { recorded.withLock { $0.append(event) } }

  func cacheAnswered(_ answer: ObservedAnswer) { record(.answered(answer)) }

  func readBatchEnded(keys: Int, readers: Int, duration: Duration, error: StoreError?) {
    record(.readBatch(keys: keys, readers: readers, error: error))
  }

  func writeBatchEnded(writes: Int, bytes: Int, duration: Duration, error: StoreError?) {
    record(.writeBatch(writes: writes, bytes: bytes, error: error))
  }

  func batchExecuted(operations: Int, duration: Duration, error: StoreError?) {
    record(.batch(operations: operations, error: error))
  }

  func cacheUpdateFailed(keys: Int) { record(.cacheUpdateFailed(keys: keys)) }

  func publishFailed(changes: Int, error: StoreError) {
    record(.publishFailed(changes: changes, error: error))
  }

  func refused(_ work: ObservedWork) { record(.refused(work)) }

  func purged(_ report: PurgeReport) { record(.purged(report)) }
}
