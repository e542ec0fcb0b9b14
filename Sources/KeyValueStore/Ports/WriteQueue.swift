/// Takes writes to be applied later.
///
/// Whoever implements it passes `WriteQueueContract`.
public protocol WriteQueue {
  /// Returns once the write can't be lost any more: kept by a majority of the queue's replicas, or
  /// applied already where there is no queue to wait in.
  func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt

  /// Whether writes wait here: an operation that nobody has recorded yet may then be on its way.
  var keepsWrites: Bool { get }

  /// Fails unless writes can be submitted now.
  func checkHealth() async throws(StoreError)
}
