/// A write that was accepted to be applied later.
public struct Submission: Equatable, Sendable {
  /// Names the operation, for `/operations/{id}`.
  public let id: OperationID
  /// Whether it waits in a queue or has been applied at once.
  public let receipt: QueueReceipt

  /// An accepted write.
  public init(id: OperationID, receipt: QueueReceipt) {
    self.id = id
    self.receipt = receipt
  }
}
