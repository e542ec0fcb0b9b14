import KeyValueStore
import Synchronization

/// Writes down what a store tells its operators, durations left out.
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
