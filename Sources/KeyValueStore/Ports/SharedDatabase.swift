/// A database that several processes share. It remembers what those that died have left undone.
///
/// Whoever implements it passes `SharedDatabaseContract`.
public protocol SharedDatabase: Database {
  /// Changes that were committed at least `age` ago and that nobody has settled since, oldest
  /// first, with what their keys hold now.
  ///
  /// At most `limit`, and at most 8 MiB of values (but at least one change). Each is returned again
  /// until it is settled.
  func unpublished(
    olderThan age: Duration, limit: Int
  ) async throws(StoreError) -> [UnpublishedChange]

  /// Forgets changes about which nothing is left to be done. What `PublishedChanges` holds is
  /// settled without being asked for, on the way of other writes.
  func settle(_ rows: [PublishedChanges.Row]) async throws(StoreError)

  /// Records that operations can never succeed; those whose end is recorded already keep it.
  func recordFailures(of ids: [OperationID]) async throws(StoreError)
}
