/// What one round of relaying did.
public struct RelayReport: Equatable, Sendable {
  /// Commits whose changes were found unsettled.
  public let batches: Int
  /// Changes that were found unsettled.
  public let found: Int
  /// How many of them are settled now.
  public let settled: Int
  /// When the oldest of them was committed; nil: none was found.
  public let oldest: Timestamp?

  /// The result of a round.
  public init(batches: Int, found: Int, settled: Int, oldest: Timestamp?) {
    self.batches = batches
    self.found = found
    self.settled = settled
    self.oldest = oldest
  }
}
