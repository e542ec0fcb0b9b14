/// A write's outcome, and whether it is that of an earlier request with the same idempotency key.
public struct WriteReceipt: Equatable, Sendable {
  /// What became of the write.
  public let outcome: WriteOutcome
  /// True: the stored outcome of an earlier request; nothing was written this time.
  public let isReplayed: Bool

  /// A receipt, of a first attempt unless told otherwise.
  public init(outcome: WriteOutcome, isReplayed: Bool = false) {
    self.outcome = outcome
    self.isReplayed = isReplayed
  }
}
