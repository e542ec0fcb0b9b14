/// A batch's outcome, and whether it is that of an earlier request with the same idempotency key.
public struct BatchReceipt: Equatable, Sendable {
  /// What became of the batch.
  public let outcome: BatchOutcome
  /// True: the stored outcome of an earlier request; nothing was written this time.
  public let isReplayed: Bool
  /// Where the database remembers the changes until they are settled; nil: nowhere.
  public let outbox: OutboxID?

  /// A receipt, of a first attempt unless told otherwise.
  public init(outcome: BatchOutcome, isReplayed: Bool = false, outbox: OutboxID? = nil) {
    self.outcome = outcome
    self.isReplayed = isReplayed
    self.outbox = outbox
  }
}
