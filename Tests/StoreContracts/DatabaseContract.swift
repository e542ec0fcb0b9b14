/// What every `Database` promises: each sentence of its port, and of DESIGN.md's sections 2 and 3
/// as far as a database carries them.
public enum DatabaseContract {
  /// A case on a database.
  public typealias Case = ContractCase<any DatabaseHarness>

  /// All cases. Each wants a harness of its own.
  public static let cases: [Case] =
    writes + revisions + conditions + idempotency + batches + batchIdempotency + listing
    + queuedWrites + queuedWriteOrder + queuedWriteTimes + purging + concurrency
}
