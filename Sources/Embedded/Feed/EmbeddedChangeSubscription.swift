import KeyValueStore

/// One watcher's place in an `EmbeddedChangeFeed`. It is all there is to a subscription: letting go
/// of it leaves nothing behind.
///
/// Not Sendable: belongs to its watcher's event loop.
final class EmbeddedChangeSubscription: ChangeSubscription {
  private let feed: EmbeddedChangeFeed
  private let watcher: UInt64
  private var position: FeedPosition

  /// Most events handed out at a time, so that one watcher's backlog does not fill the memory.
  private static let eventsMax = 256

  init(feed: EmbeddedChangeFeed, watcher: UInt64, after position: FeedPosition) {
    self.feed = feed
    self.watcher = watcher
    self.position = position
  }

  func next() async throws(StoreError) -> [FeedEvent]? {
    while !Task.isCancelled {
      guard let events = feed.events(after: position, max: EmbeddedChangeSubscription.eventsMax)
      else { return nil }
      if let last = events.last {
        position = last.position
        return events
      }
      await feed.wait(watcher, for: position)
    }
    return []
  }
}
