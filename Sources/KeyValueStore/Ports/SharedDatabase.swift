/// A database that several processes share. It remembers what those that died have left undone.
///
/// Whoever implements it passes `SharedDatabaseContract`.
public protocol SharedDatabase: Database {
  /// The changes of at most `limit` commits that are at least `age` old and that nobody has settled
  /// since, about the oldest first. They are returned again until they are settled.
  func unpublished(
    olderThan age: Duration, limit: Int
  ) async throws(StoreError) -> [OutboxBatch]

  /// Settles changes of `unpublished` about which nothing is left to be done. Their writers may not
  /// know that they took place: for as long as tombstones, it is remembered that they did, as
  /// `attempt` of queued writes asks for. What `PublishedChanges` holds is settled and forgotten
  /// without being asked for, apart from writes.
  func settle(_ ids: [OutboxID]) async throws(StoreError)

  /// Records that operations can never succeed; those whose end is recorded already keep it.
  func recordFailures(of ids: [OperationID]) async throws(StoreError)
}
