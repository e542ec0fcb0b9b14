/// What became of a batch.
public enum BatchOutcome: Equatable, Sendable {
  /// Committed: one outcome an operation, in order.
  case completed([OperationOutcome])
  /// Atomic, and the condition of operation `index` did not hold: nothing was written.
  case preconditionFailed(index: Int, current: Revision?)
  /// The idempotency key was used before with another request. Nothing was written.
  case idempotencyMismatch
}

/// What became of one operation of a batch.
public enum OperationOutcome: Equatable, Sendable {
  /// A get: the entry, or its absence.
  case read(Lookup)
  /// A get whose value would have exceeded the batch's `readBytesMax`.
  case readTooLarge
  /// A put or delete.
  case write(WriteOutcome)
}
