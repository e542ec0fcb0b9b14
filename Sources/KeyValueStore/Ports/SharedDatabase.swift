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

  /// Asks the other processes to repair the cache after these commits, at once: theirs is the only
  /// way to it. What is settled already is left alone.
  func requestRepair(after ids: [OutboxID]) async throws(StoreError)

  /// The changes of at most `limit` commits after which the cache is to be repaired, about the
  /// oldest first.
  func repairRequests(limit: Int) async throws(StoreError) -> [OutboxBatch]

  /// The cache was repaired after these commits. All else about them is as it was.
  func endRepair(after ids: [OutboxID]) async throws(StoreError)

  /// Whether nobody has to repair the cache after these commits any more.
  func areRepaired(_ ids: [OutboxID]) async throws(StoreError) -> Bool

  /// Records that operations can never succeed; those whose end is recorded already keep it.
  func recordFailures(of ids: [OperationID]) async throws(StoreError)
}
