/// What an embedded database has done since it was opened, for metrics.
public struct EmbeddedStatistics: Sendable {
  /// Transactions that carried out writes.
  public let commits: Int
  /// Time spent on them, from the first statement to the end of the fsync.
  public let commitTime: Duration
  /// Calls that they served: the more a commit, the better the batching.
  public let calls: Int
  /// Writes that they carried out.
  public let rows: Int
  /// Times that the log was copied into the database.
  public let checkpoints: Int
  /// Time spent on that.
  public let checkpointTime: Duration
  /// Errors that SQLite reported.
  public let failures: Int
  /// The last of them, for operators.
  public let lastFailure: String?
  /// Calls that wait for the writer.
  public let queuedWrites: Int
  /// Calls that wait for a reader.
  public let queuedReads: Int
}
