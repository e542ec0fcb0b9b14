/// What those who follow changes need beside the feed.
extension Store {
  /// Follows the committed changes after `position`, or from now on (nil): see `ChangeFeed`.
  /// Errors: `unavailable`, `overloaded`.
  public func follow(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    try await publisher.feed.subscribe(after: position)
  }

  /// Whether what carries the feed is there. Throws `unavailable`.
  public func checkFeed() async throws(StoreError) { try await queue.checkHealth() }
}
