import HTTP
import KeyValueStore
import Synchronization

@testable import KeyValueAPI

/// Writes down what was answered.
final class RecordingAPIObserver: APIObserver, Sendable {
  struct Line: Sendable, Equatable {
    let route: Route
    let status: Int
    let problem: ProblemType?
    let cause: String?
  }

  private let recorded = Mutex<[Line]>([])

  var lines: [Line] { recorded.withLock { $0 } }

  func answered(_ exchange: Exchange) {
    let line = Line(
      route: exchange.route, status: exchange.status.code, problem: exchange.problem?.type,
      cause: exchange.problem?.cause)
    recorded.withLock { $0.append(line) }
  }
}

/// Hears of a store, and says nothing.
struct SilentObserver: StoreObserver {
  func cacheAnswered(_ answer: ObservedAnswer) {}
  func readBatchEnded(keys: Int, readers: Int, duration: Duration, error: StoreError?) {}
  func writeBatchEnded(writes: Int, bytes: Int, duration: Duration, error: StoreError?) {}
  func batchExecuted(operations: Int, duration: Duration, error: StoreError?) {}
  func cacheUpdateFailed(keys: Int) {}
  func publishFailed(changes: Int, error: StoreError) {}
  func refused(_ work: ObservedWork) {}
  func purged(_ report: PurgeReport) {}
}
