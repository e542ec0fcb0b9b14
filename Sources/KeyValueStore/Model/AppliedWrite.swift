/// What became of a queued write.
public struct AppliedWrite: Equatable, Sendable {
  /// Its record, now or from its first delivery.
  public let record: OperationRecord
  /// What it wrote; nil when this delivery wrote nothing.
  public let outcome: WriteOutcome?
  /// Where the database remembers the change until it is settled; nil: nowhere.
  public var outbox: OutboxID?

  /// The result of one delivery.
  public init(record: OperationRecord, outcome: WriteOutcome?, outbox: OutboxID? = nil) {
    self.record = record
    self.outcome = outcome
    self.outbox = outbox
  }
}
