import KeyValueStore
import Synchronization

/// Counts what was submitted.
final class CountedQueue: WriteQueue, Sendable {
  private let queue: any WriteQueue & Sendable
  private let count = Atomic(0)

  init(_ queue: any WriteQueue & Sendable) { self.queue = queue }

  var submitted: Int { count.load(ordering: .relaxed) }
  var keepsWrites: Bool { queue.keepsWrites }

  func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    let receipt = try await queue.submit(queued)
    count.add(1, ordering: .relaxed)
    return receipt
  }

  func checkHealth() async throws(StoreError) { try await queue.checkHealth() }
}
