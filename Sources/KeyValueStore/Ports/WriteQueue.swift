/// Takes writes that are applied later.
///
/// Every implementation passes `WriteQueueContract`.
public protocol WriteQueue {
  /// Returns once the write can't be lost any more: a majority of the queue's replicas has it, or
  /// it has been applied already, where there is no queue to wait in.
  func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt

  /// Whether writes wait here. If so, an operation without a record may be in the queue.
  var keepsWrites: Bool { get }

  /// Throws unless writes can be submitted now.
  func checkHealth() async throws(StoreError)
}

/// A write that is accepted now and applied later, exactly once, if nothing newer has been written.
public struct QueuedWrite: Equatable, Sendable {
  /// Names the operation at `/operations/{id}`.
  public var id: OperationID
  /// Its idempotency key, if any, was checked when the write was accepted. It is no patch, which
  /// can't be queued: what it does depends on what the key holds.
  public var write: Write
  /// The time of acceptance by the database's clock. It becomes the revision, and the time to live
  /// counts from it.
  public var acceptedAt: Timestamp
  /// The commit that has made this write already, if that commit took place; nil: there was none.
  public var attempt: OutboxID?
  /// What it was queued by, if that is recorded.
  public var origin: TraceContext?

  public init(
    id: OperationID, write: Write, acceptedAt: Timestamp, attempt: OutboxID? = nil,
    origin: TraceContext? = nil
  ) {
    if case .patch = write.mutation { preconditionFailure("A patch is never queued") }
    self.id = id
    self.write = write
    self.acceptedAt = acceptedAt
    self.attempt = attempt
    self.origin = origin
  }
}

/// What a queue did with a write.
public enum QueueReceipt: Equatable, Sendable {
  /// It will be applied.
  case queued
  /// It has been applied.
  case applied(AppliedWrite)
}

/// The result of one delivery of a queued write.
public struct AppliedWrite: Equatable, Sendable {
  /// The operation's record, from this delivery or from the first one.
  public let record: OperationRecord
  /// The outcome of the write; nil: this delivery wrote nothing.
  public let outcome: WriteOutcome?
  /// The commit of the change; nil: there is none, or it needs no name.
  public var outbox: OutboxID?
  /// What the change follows: see `Change`.
  public let previous: Revision?

  public init(
    record: OperationRecord, outcome: WriteOutcome?, outbox: OutboxID? = nil,
    previous: Revision? = nil
  ) {
    self.record = record
    self.outcome = outcome
    self.outbox = outbox
    self.previous = previous
  }

  /// The change of this delivery to `key`; nil: there is none.
  public func change(of key: Key) -> Change? { outcome?.change(of: key, after: previous) }
}
