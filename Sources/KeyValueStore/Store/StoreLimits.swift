/// The bounds of one store, that is of one event loop. Past them clients get 503 with
/// `Retry-After`.
public struct StoreLimits: Equatable, Sendable {
  /// Most writes in one commit. By then a commit's fixed cost no longer shows. Default 1,000.
  public var batchWritesMax = 1_000
  /// Most bytes of keys and values in one commit; a first write alone may exceed it. Default 8 MiB.
  public var batchBytesMax = 8 << 20
  /// Most writes that wait for the next batch. Default 10,000.
  public var pendingWritesMax = 10_000
  /// Most bytes that wait for the next batch; a first write alone may exceed it. Default 64 MiB.
  public var pendingBytesMax = 64 << 20
  /// Commits that take less than this are not waited with. Default 5 ms.
  public var gatheringLeast = Duration.milliseconds(5)
  /// How much of a commit's time the next one waits for writers, at the most. Default an eighth.
  public var gatheringShare = 0.125
  /// Longest wait for writers. Default 10 ms.
  public var gatheringMost = Duration.milliseconds(10)
  /// How soon after a commit writers are waited for: who is away for longer does not write again
  /// and again. Default 10 ms.
  public var gatheringWindow = Duration.milliseconds(10)
  /// Most commits that the cache and the feed are being told of at a time. Default 4.
  public var publishingMax = 4

  /// Most keys in one look-up. A hundred rows a statement is where batching stops paying, and each
  /// may bring a value of the largest size. Default 128.
  public var batchReadsMax = 128
  /// Most bytes of values that one look-up is expected to bring, going by those before it; one
  /// value alone may be larger. Default 8 MiB.
  public var batchReadBytesMax = 8 << 20
  /// Most look-ups in flight. With one, a miss would wait for half of another's round trip before
  /// its own begins; each more makes the batches smaller, so that every row costs more. Default 2.
  public var readBatchesMax = 2
  /// Most readers that wait for a look-up to begin. Default 10,000.
  public var pendingReadsMax = 10_000

  /// Most client batches (`POST /batch`) in flight. Default 32.
  public var transactionsMax = 32
  /// Most bytes of client batches in flight; one alone may exceed it. Default 64 MiB.
  public var transactionBytesMax = 64 << 20

  /// Most expired entries, and most outlived records, that one round of purging removes. Small, so
  /// that it does not hold up writes. Default 500.
  public var purgeMax = 500

  /// How long the outcome of a write with an idempotency key is looked for if it is unknown, from
  /// the start of its first attempt to that of its last. A CockroachDB node's leases move within
  /// 13 s; the door waits for 35 s. Default 15 s.
  public var findOutTime = Duration.seconds(15)

  /// What a refused client is told to wait, in seconds. Default 1.
  public var retryAfter = 1

  /// The defaults.
  public init() {}
}
