/// Keeps entries, tombstones, idempotent results and operations: the one place where truth lives.
///
/// Whoever implements it passes `DatabaseContract`. Methods run where their caller runs and never
/// block it. A revision is `max(previous + 1, now in µs)` unless said otherwise; time and expiry
/// are decided by the database's own clock.
///
/// A call goes on when its task is cancelled: the task may be carrying out other requests' work
/// too.
public protocol Database {
  /// What the keys hold now, in the order of `keys`; sees every write acknowledged before the call.
  ///
  /// A tombstone and an expired entry are `absent` with their revision. `tooSlow`: fewer keys at a
  /// time may do, as in `read(each:)`.
  func read(_ keys: [Key]) async throws(StoreError) -> [Lookup]

  /// Carries out independent writes, those of one key in the order of the call, and returns once
  /// all that succeed are durable.
  ///
  /// One result a write, in order: each has its own, whatever became of the others. A write with an
  /// idempotency key stores its outcome in the same transaction, or returns the stored one.
  /// `outcomeUnknown` names the commit in which the write may have been carried out, if commits
  /// have names.
  ///
  /// `isPatient`: waits as long as it may for keys that somebody else is writing. Otherwise their
  /// writes fail with `tooSlow`, before those of other keys have waited long for them.
  func write(each writes: [Write], isPatient: Bool) async -> [WriteResult]

  /// Carries out a batch in order in one serializable transaction.
  func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt

  /// Live entries in byte order of their keys.
  func list(_ request: PageRequest) async throws(StoreError) -> Page

  /// Applies queued writes, each exactly once however often it is delivered, and records what
  /// became of them.
  ///
  /// A write applies only if the key's revision is lower than its acceptance time in µs, which then
  /// becomes the key's revision: another one, accepted later but before this one was applied, still
  /// applies. A delete that finds nothing gives the key its revision too, lest a put accepted
  /// before it, but delivered after it, bring the key back. An acceptance that lies ahead of the
  /// database's clock, by more than its servers may differ, becomes the time of now.
  ///
  /// A put's time to live begins with its acceptance. One that has expired takes its place, and is
  /// never there. A write accepted longer ago than tombstones are kept applies only where a row of
  /// its key shows that it may.
  ///
  /// Where commits have names, a write whose `attempt` took place is recorded as applied, with the
  /// last revision that it gave the key, and not applied again. The `outcome` is nil then, as it is
  /// for a write that was recorded before.
  func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite]

  /// The record of an asynchronous write, or nil when unknown or older than its retention.
  func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord?

  /// Turns at most `limit` expired entries into tombstones and returns their changes, of different
  /// keys; about the oldest first.
  ///
  /// The tombstone's revision is `max(previous + 1, expiry in µs)`: nobody has written the key now,
  /// so that a queued write accepted since the expiry still applies.
  func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch

  /// Removes at most `limit` tombstones, operations and idempotency keys that are older than their
  /// retention (24 h each); returns how many went. A tombstone whose revision lies in the future
  /// stays until that is as old.
  func purgeRetained(limit: Int) async throws(StoreError) -> Int

  /// Fails unless the database can be read and takes writes now. Writes nothing.
  func checkHealth() async throws(StoreError)
}

extension Database {
  /// What keys hold, or why that can't be said of one: what is read in vain, because it takes too
  /// long or somebody holds a key, is cut and read again behind the rest, so that the keys that can
  /// be read are; for two seconds.
  public func read(each keys: [Key]) async -> [Result<Lookup, StoreError>] {
    let end = ContinuousClock.now + .seconds(2)
    var results = [Result<Lookup, StoreError>?](repeating: nil, count: keys.count)
    var waiting = [0..<keys.count]
    var next = 0
    while next < waiting.count {
      let places = waiting[next]
      next += 1
      do throws(StoreError) {
        if next > 1, ContinuousClock.now >= end {
          throw .tooSlow(cause: "many keys are being written by others")
        }
        let lookups = try await read(Array(keys[places]))
        precondition(lookups.count == places.count, "One answer a key")
        for (place, lookup) in zip(places, lookups) { results[place] = .success(lookup) }
      } catch {
        if case .tooSlow = error, places.count > 1, ContinuousClock.now < end {
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

/// What became of a write.
public typealias WriteResult = Result<WriteReceipt, StoreError>
