/// Keeps entries, tombstones, idempotent results and operations. It is the store of record.
///
/// Every implementation passes `DatabaseContract`. Methods run where their caller runs and never
/// block it. A revision is `max(previous + 1, now in µs)` unless said otherwise. The database's own
/// clock decides time and expiry.
///
/// A call continues when its task is cancelled, because it may also do the work of other requests.
public protocol Database {
  /// What the keys hold now, in the order of `keys`. Sees every write acknowledged before the call.
  ///
  /// A tombstone and an expired entry are `absent` with their revision. `tooSlow`: fewer keys at a
  /// time may succeed, as in `read(each:)`.
  func read(_ keys: [Key]) async throws(StoreError) -> [Lookup]

  /// Makes independent writes, those of one key in the order of the call, and returns once all that
  /// succeed are durable.
  ///
  /// Returns one result for each write, in order; one that fails does not affect the others. A
  /// write with an idempotency key stores its outcome in the same transaction, or returns the
  /// stored one. Where commits have names, `outcomeUnknown` names the commit that may contain the
  /// write.
  ///
  /// `isPatient`: waits as long as possible for keys that another transaction is writing.
  /// Otherwise their writes fail with `tooSlow`, before those of other keys have waited long for
  /// them.
  func write(each writes: [Write], isPatient: Bool) async -> [WriteResult]

  /// Executes a batch in order in one serializable transaction.
  func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt

  /// Live entries in the order of their keys, and the prefixes that stand for folded keys. A folded
  /// prefix costs one search, however many keys it stands for.
  ///
  /// A page that would take too long, because of many deleted or expired entries, ends before it is
  /// full. `tooSlow`: nothing could be read in time.
  func list(_ request: PageRequest) async throws(StoreError) -> Page

  /// How many live entries there are under a prefix, at one moment. Counts for at most `limit`, but
  /// in any case some of them. Counting takes no resources that reads and writes of keys need.
  func count(prefix: [UInt8], within limit: Duration) async throws(StoreError) -> LiveCount

  /// Applies queued writes, each exactly once however often it is delivered, and records their
  /// results.
  ///
  /// A write applies only if the key's revision is lower than its acceptance time in µs, which then
  /// becomes the key's revision: another one, accepted later but before this one was applied, still
  /// applies. A delete that finds nothing gives the key its revision too, so that a put accepted
  /// before it, but delivered after it, does not bring the key back. An acceptance that lies ahead
  /// of the database's clock, by more than its servers may differ, is replaced by the present time.
  ///
  /// A put's time to live begins with its acceptance. One that has expired sets the key's revision,
  /// and is never visible. A write accepted longer ago than tombstones are kept applies only where
  /// a row of its key shows that it may.
  ///
  /// Where commits have names, a write whose `attempt` took place is recorded as applied, with the
  /// last revision that it gave the key, and not applied again. The `outcome` is nil then, as it is
  /// for a write that was recorded before.
  func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite]

  /// The record of an asynchronous write, or nil when unknown or older than its retention.
  func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord?

  /// Turns at most `limit` expired entries into tombstones and returns their changes, of different
  /// keys, approximately the oldest first.
  ///
  /// The tombstone's revision is `max(previous + 1, expiry in µs)`, so that a queued write accepted
  /// since the expiry still applies.
  func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch

  /// Removes at most `limit` tombstones, operations and idempotency keys that are older than their
  /// retention (24 h each) and returns their number. A tombstone with a revision in the future
  /// stays until that revision is as old.
  func purgeRetained(limit: Int) async throws(StoreError) -> Int

  /// Throws unless the database can be read and takes writes now. Writes nothing.
  func checkHealth() async throws(StoreError)
}

extension Database {
  /// What each key holds, or why it can't be read. A read that fails with `tooSlow`, because it is
  /// too large or another transaction holds one of its keys, is split and repeated behind the
  /// others, so that the keys that can be read are read; for two seconds.
  public func read(
    each keys: [Key], clock: SteadyClock = .system
  ) async -> [Result<Lookup, StoreError>] {
    let end = clock.now() + .seconds(2)
    var results = [Result<Lookup, StoreError>?](repeating: nil, count: keys.count)
    var waiting = [0..<keys.count]
    var next = 0
    while next < waiting.count {
      let places = waiting[next]
      next += 1
      do throws(StoreError) {
        if next > 1, clock.now() >= end {
          throw .tooSlow(cause: "many keys are being written by others")
        }
        let lookups = try await read(Array(keys[places]))
        precondition(lookups.count == places.count, "One answer a key")
        for (place, lookup) in zip(places, lookups) { results[place] = .success(lookup) }
      } catch {
        if case .tooSlow = error, places.count > 1, clock.now() < end {
          let size = (places.count - 1) / 8 + 1
          waiting += stride(from: places.lowerBound, to: places.upperBound, by: size).map {
            $0..<min($0 + size, places.upperBound)
          }
        } else {
          for place in places { results[place] = .failure(error) }
        }
      }
    }
    return results.map { $0! }
  }
}

/// A database that several processes share. Its outbox holds the changes of commits that a process
/// did not finish before it died.
///
/// Every implementation passes `SharedDatabaseContract`.
public protocol SharedDatabase: Database {
  /// The changes of at most `limit` commits that are at least `age` old and not settled,
  /// approximately the oldest first. They are returned again until they are settled.
  func unpublished(
    olderThan age: Duration, limit: Int
  ) async throws(StoreError) -> [OutboxBatch]

  /// Settles changes of `unpublished` for which nothing is left to do. Their writers may not know
  /// that the commit took place: the database remembers that it did for as long as tombstones,
  /// because the `attempt` of a queued write asks for it. The commits in `PublishedChanges` are
  /// settled without a call of this method, in transactions of their own.
  func settle(_ ids: [OutboxID]) async throws(StoreError)

  /// Asks the other processes to repair the cache after these commits, at once, because this
  /// process can't reach it. Commits that are settled already are left alone.
  func requestRepair(after ids: [OutboxID]) async throws(StoreError)

  /// The changes of at most `limit` commits after which the cache must be repaired, approximately
  /// the oldest first.
  func repairRequests(limit: Int) async throws(StoreError) -> [OutboxBatch]

  /// Records that the cache was repaired after these commits. They are not settled by this.
  func endRepair(after ids: [OutboxID]) async throws(StoreError)

  /// Whether none of these commits waits for a repair of the cache any more.
  func areRepaired(_ ids: [OutboxID]) async throws(StoreError) -> Bool

  /// Records that operations can never succeed. Operations that have a record already keep it.
  func recordFailures(of ids: [OperationID]) async throws(StoreError)
}
