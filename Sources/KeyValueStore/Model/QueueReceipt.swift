/// What a queue did with a write.
public enum QueueReceipt: Equatable, Sendable {
  /// It will be applied.
  case queued
  /// It has been applied.
  case applied(AppliedWrite)
}
