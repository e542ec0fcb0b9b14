/// A change and where it stands in the feed.
public struct FeedEvent: Equatable, Sendable {
  /// Where the change stands: a watcher resumes after it.
  public let position: FeedPosition
  /// What happened.
  public let change: Change

  /// An event of the feed.
  public init(position: FeedPosition, change: Change) {
    self.position = position
    self.change = change
  }
}
