/// A try to carry out a write of which nobody knows whether it took effect.
public struct Attempt: Equatable, Sendable {
  /// When it began: what was written since, if it took effect, was written after it.
  public let startedAt: Timestamp
  /// The commit that it was part of, if it took effect; nil: it has no name, or none is known.
  public let commit: OutboxID?

  /// An attempt whose outcome is unknown.
  public init(startedAt: Timestamp, commit: OutboxID?) {
    self.startedAt = startedAt
    self.commit = commit
  }
}
