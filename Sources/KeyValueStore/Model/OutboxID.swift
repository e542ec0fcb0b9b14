/// Names the changes of one commit that a database remembers until they are settled.
public struct OutboxID: Hashable, Sendable {
  /// When they were committed, by the database's clock or close to it: what is old is searched by
  /// it.
  public let committedAt: Timestamp
  /// Tells those of one moment apart; random, and not negative.
  public let number: Int64
  /// Whether other processes are to repair the cache at once.
  public let awaitsRepair: Bool

  /// The name of one commit's changes.
  public init(committedAt: Timestamp, number: Int64, awaitsRepair: Bool = false) {
    self.committedAt = committedAt
    self.number = number
    self.awaitsRepair = awaitsRepair
  }

  /// The name of the same commit, with or without a request to repair the cache.
  public func awaitingRepair(_ awaitsRepair: Bool) -> OutboxID {
    OutboxID(committedAt: committedAt, number: number, awaitsRepair: awaitsRepair)
  }
}

/// The changes of one commit, in its order.
public struct OutboxBatch: Equatable, Sendable {
  /// What settles them; nil: nothing has to, because no other process could finish the work.
  public let id: OutboxID?
  /// What happened.
  public var changes: [Change]

  /// Changes that were committed together.
  public init(id: OutboxID?, changes: [Change]) {
    self.id = id
    self.changes = changes
  }
}
