/// A database that several processes share. It remembers what those that died have left undone.
///
/// Whoever implements it passes `SharedDatabaseContract`.
public protocol SharedDatabase: Database {
  /// The changes of at most `limit` commits that are at least `age` old and that nobody has settled
  /// since, about the oldest first. They are returned again until they are settled.
  func unpublished(
    olderThan age: Duration, limit: Int
  ) async throws(StoreError) -> [OutboxBatch]

  /// Forgets changes about which nothing is left to be done. What `PublishedChanges` holds is
  /// settled without being asked for, apart from writes.
  func settle(_ ids: [OutboxID]) async throws(StoreError)

  /// Records that operations can never succeed; those whose end is recorded already keep it.
  func recordFailures(of ids: [OperationID]) async throws(StoreError)
}
