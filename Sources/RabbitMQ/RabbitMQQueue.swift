public import KeyValueStore

/// The queue of writes to be applied later, in RabbitMQ.
///
/// Its errors: `unavailable` when it is certain that no queue has the write; `outcomeUnknown` when
/// the broker did not confirm in time, and then the write is still sent for as long as this process
/// lives; `overloaded` when too many writes wait.
public struct RabbitMQQueue: WriteQueue, Sendable {
  private let publisher: RabbitMQPublisher

  /// The queue that a publisher serves.
  public init(publisher: RabbitMQPublisher) { self.publisher = publisher }

  /// See `WriteQueue`: writes wait for kv-worker.
  public var keepsWrites: Bool { true }

  /// See `WriteQueue`. Takes at most the publisher's `confirmDeadline`, and goes on when its task
  /// is cancelled.
  public func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    if let error = await publisher.submit(queued) { throw error }
    return .queued
  }

  /// See `WriteQueue`. Sends nothing: the publisher watches its connection anyway.
  public func checkHealth() async throws(StoreError) { try publisher.checkHealth() }
}
