/// The bounds of one store, that is of one event loop. Beyond them, clients get 503 with
/// `Retry-After`.
public struct StoreLimits: Equatable, Sendable {
  /// Most writes in one commit. In a larger batch, the fixed cost of a commit is negligible.
  /// Default 1,000.
  public var batchWritesMax = 1_000
  /// Most bytes of keys and values in one commit; a first write alone may exceed it. Default 8 MiB.
  public var batchBytesMax = 8 << 20
  /// Most writes that wait for the next batch. Default 10,000.
  public var pendingWritesMax = 10_000
  /// Most bytes that wait for the next batch; a first write alone may exceed it. Default 64 MiB.
  public var pendingBytesMax = 64 << 20
  /// A commit waits for more writers only where commits take at least this long. Default 5 ms.
  public var gatheringLeast = Duration.milliseconds(5)
  /// The longest wait for writers, as a share of the time of the last commit. Default an eighth.
  public var gatheringShare = 0.125
  /// Longest wait for writers. Default 10 ms.
  public var gatheringMost = Duration.milliseconds(10)
  /// A commit waits for writers only within this time after the last one: a writer that stays away
  /// longer does not write continuously. Default 10 ms.
  public var gatheringWindow = Duration.milliseconds(10)
  /// With at least so many writes, a commit does not wait for those of other loops. Default 32.
  public var turnWrites = 32
  /// Whoever has waited for longer, at the end of a commit or when a write comes, goes ahead.
  /// Default 5 ms: where commits take longer, the wait for writers makes batches large.
  public var turnMost = Duration.milliseconds(5)
  /// Most commits that are being published at a time. Default 4.
  public var publishingMax = 4

  /// Most keys in one look-up. More than a hundred rows per statement save nothing, and each may
  /// have a value of the largest size. Default 128.
  public var batchReadsMax = 128
  /// Most bytes of values in one look-up, estimated from those before it. One value alone may be
  /// larger. Default 8 MiB.
  public var batchReadBytesMax = 8 << 20
  /// Most look-ups in flight. With one, a miss would wait on average for half the round trip of
  /// another look-up before its own begins. Each additional one makes the batches smaller, so that
  /// a row costs more. Default 2.
  public var readBatchesMax = 2
  /// Most readers that wait for a look-up to begin. Default 10,000.
  public var pendingReadsMax = 10_000

  /// Most client batches (`POST /batch`) in flight. Default 32.
  public var transactionsMax = 32
  /// Most bytes of client batches in flight; one alone may exceed it. Default 64 MiB.
  public var transactionBytesMax = 64 << 20

  /// How long the entries under a prefix are counted. Default 2 s.
  public var countTime = Duration.seconds(2)
  /// Most removals of a prefix in flight. Default 4.
  public var removalsMax = 4
  /// Most deletes of a removal in one commit. Fewer than other commits have, because single writes
  /// wait for it. Default 500.
  public var removalWritesMax = 500
  /// For how long a removal begins commits. The proxy in front of this server waits 10 s for its
  /// answer. Default 5 s.
  public var removalTime = Duration.seconds(5)

  /// Most expired entries, and most records older than their retention, that one round of purging
  /// removes. Small, so that purging does not delay writes. Default 500.
  public var purgeMax = 500

  /// How long a write with an idempotency key is tried again while its outcome is unknown, from the
  /// start of its first attempt to that of its last. A CockroachDB node's leases move within 13 s;
  /// Nginx waits for 35 s. Default 15 s.
  public var findOutTime = Duration.seconds(15)

  /// The `Retry-After` of a refused request, in seconds. Default 1.
  public var retryAfter = 1

  public init() {}
}

/// Counts client batches, or removals, in flight and their bytes. Not `Sendable`: each store has
/// its own.
final class TransactionGate {
  private let countMax: Int
  private let bytesMax: Int
  private var count = 0
  private var bytes = 0

  init(countMax: Int, bytesMax: Int) {
    self.countMax = countMax
    self.bytesMax = bytesMax
  }

  /// Admits a batch if there is room; false: refuse it. A batch alone is admitted whatever its
  /// size.
  func enter(bytes weight: Int) -> Bool {
    guard count == 0 || (count < countMax && bytes + weight <= bytesMax) else { return false }
    count += 1
    bytes += weight
    return true
  }

  /// Releases what an admitted batch took.
  func leave(bytes weight: Int) {
    count -= 1
    bytes -= weight
  }
}
