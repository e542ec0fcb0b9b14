/// Where an asynchronous write stands.
public struct OperationRecord: Equatable, Sendable {
  /// The operation.
  public let id: OperationID
  /// Its state.
  public let state: State
  /// The revision it wrote, when `applied`; what stood in its way, when `superseded` or
  /// `preconditionFailed`.
  public let revision: Revision?
  /// When it reached this state.
  public let updatedAt: Timestamp

  /// The states of DESIGN.md, spelt as clients see them.
  public enum State: String, Sendable {
    /// Confirmed by the queue, not applied yet.
    case queued
    /// Took effect.
    case applied
    /// Something newer than its acceptance had been written.
    case superseded
    /// Its condition did not hold.
    case preconditionFailed = "precondition_failed"
    /// Can never succeed; it lies in the dead-letter queue.
    case failed
  }

  /// A record as a database holds it.
  public init(id: OperationID, state: State, revision: Revision?, updatedAt: Timestamp) {
    self.id = id
    self.state = state
    self.revision = revision
    self.updatedAt = updatedAt
  }
}
