/// A committed change of which nobody knows whether the cache and the feed have heard.
public struct UnpublishedChange: Equatable, Sendable {
  /// What happened, for the feed.
  public let change: Change
  /// What the key holds now, for the cache: it may have changed again.
  public let current: Lookup
  /// When it was committed, by the database's clock.
  public let committedAt: Timestamp

  /// A change as an outbox remembers it.
  public init(change: Change, current: Lookup, committedAt: Timestamp) {
    self.change = change
    self.current = current
    self.committedAt = committedAt
  }
}
