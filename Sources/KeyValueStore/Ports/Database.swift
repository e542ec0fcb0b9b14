/// Keeps entries, tombstones, idempotent results and operations: the one place where truth lives.
///
/// Whoever implements it passes `DatabaseContract`. Methods run where their caller runs and never
/// block it. A revision is `max(previous + 1, now in µs)`; time and expiry are decided by the
/// database's own clock.
public protocol Database {
  /// What the keys hold now, in the order of `keys`; sees every write acknowledged before the call.
  ///
  /// A tombstone and an expired entry are `absent` with their revision.
  func read(_ keys: [Key]) async throws(StoreError) -> [Lookup]

  /// Carries out independent writes of *different* keys, in one commit, and returns once it is
  /// durable.
  ///
  /// One receipt a write, in order. A write with an idempotency key stores its outcome in the same
  /// transaction, or returns the stored one.
  func write(_ writes: [Write]) async throws(StoreError) -> [WriteReceipt]

  /// Carries out a batch in order in one serializable transaction.
  func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt

  /// Live entries in byte order of their keys.
  func list(_ request: PageRequest) async throws(StoreError) -> Page

  /// Applies queued writes, each exactly once however often it is delivered, and records what
  /// became of them.
  ///
  /// A write applies only if the key's revision is lower than its acceptance time in µs.
  /// Its `outcomes` are nil for a write that was recorded before.
  func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite]

  /// The record of an asynchronous write, or nil when unknown or older than its retention.
  func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord?

  /// Turns at most `limit` expired entries into tombstones and returns their changes.
  func purgeExpired(limit: Int) async throws(StoreError) -> [Change]

  /// Removes at most `limit` tombstones, operations and idempotency keys that are older than their
  /// retention (24 h each); returns how many went.
  func purgeRetained(limit: Int) async throws(StoreError) -> Int

  /// Fails unless the database can read and write now. Writes nothing.
  func checkHealth() async throws(StoreError)
}

/// What became of a queued write.
public struct AppliedWrite: Equatable, Sendable {
  /// Its record, now or from its first delivery.
  public let record: OperationRecord
  /// What it wrote; nil when this delivery wrote nothing.
  public let outcome: WriteOutcome?

  /// The result of one delivery.
  public init(record: OperationRecord, outcome: WriteOutcome?) {
    self.record = record
    self.outcome = outcome
  }
}
