/// A write that is accepted now and applied later, exactly once, if nothing newer has been written.
public struct QueuedWrite: Equatable, Sendable {
  /// Names the operation; what a client asks for at `/operations/{id}`.
  public var id: OperationID
  /// What to do. Its idempotency key, if any, was settled when it was accepted.
  public var write: Write
  /// When it was accepted, by the database's clock: its place in the key's history, and the start
  /// of its time to live.
  public var acceptedAt: Timestamp
  /// The commit in which it has taken effect already, if that took place; nil: there was none.
  public var attempt: OutboxID?

  /// A write to be queued.
  public init(
    id: OperationID, write: Write, acceptedAt: Timestamp, attempt: OutboxID? = nil
  ) {
    self.id = id
    self.write = write
    self.acceptedAt = acceptedAt
    self.attempt = attempt
  }
}
