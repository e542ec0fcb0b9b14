/// Receives the events of a store that operators want to count. Called on the store's event loop:
/// it must not block.
public protocol StoreObserver {
  /// The cache was asked for a key. Every default read calls this: it must cost one addition, no
  /// more.
  func cacheAnswered(_ answer: ObservedAnswer)

  /// A look-up in the database ended: of `keys` distinct keys, for `readers` readers.
  func readBatchEnded(keys: Int, readers: Int, duration: Duration, error: StoreError?)

  /// A batch of writes ended; `duration` is that of the commit, without cache and feed.
  func writeBatchEnded(writes: Int, bytes: Int, duration: Duration, error: StoreError?)

  /// A client's batch ended; `duration` is that of the transaction, without cache and feed.
  func batchExecuted(operations: Int, duration: Duration, error: StoreError?)

  /// Committed changes may not be in the cache, which must not be trusted any more.
  func cacheUpdateFailed(keys: Int)

  /// Committed changes were not published.
  func publishFailed(changes: Int, error: StoreError)

  /// A request was refused because a bound of `StoreLimits` was reached.
  func refused(_ work: ObservedWork)

  /// A round of purging ended.
  func purged(_ report: PurgeReport)
}

/// What the cache knew of a key. The raw values are labels of metrics.
public enum ObservedAnswer: String, CaseIterable, Sendable {
  /// The entry or its absence.
  case hit
  /// Nothing.
  case miss
  /// An entry that has expired.
  case expired
}

/// Work that can be refused. The raw values are labels of metrics.
public enum ObservedWork: String, CaseIterable, Sendable {
  /// A read that missed the cache.
  case read
  /// A single write.
  case write
  /// A client's batch, or a removal of a prefix.
  case batch
}
