/// A write's outcome, and whether it is that of an earlier request with the same idempotency key.
public struct WriteReceipt: Equatable, Sendable {
  /// What became of the write.
  public let outcome: WriteOutcome
  /// True: the stored outcome of an earlier request; nothing was written this time.
  public let isReplayed: Bool
  /// Where the database remembers the change until it is settled; nil: nowhere.
  public let outbox: OutboxID?

  /// A receipt, of a first attempt unless told otherwise.
  public init(outcome: WriteOutcome, isReplayed: Bool = false, outbox: OutboxID? = nil) {
    self.outcome = outcome
    self.isReplayed = isReplayed
    self.outbox = outbox
  }
}
