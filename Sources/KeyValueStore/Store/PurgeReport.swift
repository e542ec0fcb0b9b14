/// What one round of purging did.
public struct PurgeReport: Equatable, Sendable {
  /// Expired entries that became tombstones.
  public let expired: Int
  /// Tombstones, operations and idempotency keys removed because their retention was over.
  public let removed: Int
  /// Whether a limit was reached, so that another round should follow at once.
  public let hasMore: Bool

  /// The result of a round.
  public init(expired: Int, removed: Int, hasMore: Bool) {
    self.expired = expired
    self.removed = removed
    self.hasMore = hasMore
  }
}
