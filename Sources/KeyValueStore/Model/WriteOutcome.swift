/// What became of a write.
public enum WriteOutcome: Equatable, Sendable {
  /// Committed; new when `version` is 1.
  case stored(Metadata)
  /// Committed: the tombstone has this revision.
  case deleted(Revision)
  /// There was nothing to delete.
  case notFound
  /// The condition did not hold; `current` is the live entry's revision, nil if there is none.
  case preconditionFailed(current: Revision?)
  /// The idempotency key was used before with another request. Nothing was written.
  case idempotencyMismatch

  /// Whether the key has a new revision.
  public var hasWritten: Bool {
    switch self {
    case .stored, .deleted: true
    case .notFound, .preconditionFailed, .idempotencyMismatch: false
    }
  }
}
