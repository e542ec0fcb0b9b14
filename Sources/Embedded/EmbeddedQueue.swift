public import KeyValueStore

/// A queue in which nothing waits: a write is applied as it is submitted, by the rules of queued
/// writes, in the same commit as whatever else the database has to do.
public struct EmbeddedQueue: WriteQueue, Sendable {
  private let database: EmbeddedDatabase

  /// A queue in front of `database`.
  public init(database: EmbeddedDatabase) { self.database = database }

  /// Nothing waits.
  public var keepsWrites: Bool { false }

  /// Applies `queued`; always `applied`.
  public func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    .applied(try await database.apply([queued])[0])
  }

  /// Fails unless the database can write.
  public func checkHealth() async throws(StoreError) { try await database.checkHealth() }
}
