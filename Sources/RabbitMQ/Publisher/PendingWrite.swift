import KeyValueStore

/// A write on its way to a queue, and who waits for it.
///
/// `@unchecked Sendable`: everything mutable is touched with the lock of `PublisherState` held.
final class PendingWrite: PublishedMessage, @unchecked Sendable {
  /// Resumed with nil once the queue has it.
  typealias Caller = CheckedContinuation<StoreError?, Never>

  let message: OutgoingMessage
  let deadline: ContinuousClock.Instant
  /// Nil once it has its answer. The write may still go on, if that was "unknown".
  var caller: Caller?
  /// How often it was sent. Zero: it is certain that no queue has it.
  var attempts = 0
  /// When it was sent last.
  var sentAt: ContinuousClock.Instant?
  /// Neither to be sent any more nor to be counted.
  var isOver = false

  init(message: OutgoingMessage, deadline: ContinuousClock.Instant, caller: Caller?) {
    self.message = message
    self.deadline = deadline
    self.caller = caller
  }
}
