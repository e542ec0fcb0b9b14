/// Tells watchers of committed changes, each at least once, in one order for everybody.
///
/// Whoever implements it passes `ChangeFeedContract`.
public protocol ChangeFeed {
  /// Adds changes at the end, in order. Never waits for a watcher.
  ///
  /// `settling`: all changes of this name are among them and nothing else is left to be done about
  /// them, so that the database may forget them once the feed can't lose them any more.
  func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError)

  /// Returns once the feed can't lose what was published before this call.
  func flush() async throws(StoreError)

  /// Follows the feed after `position`, or from now on (nil). Nil is returned when what follows
  /// `position` is no longer kept, or `position` was never handed out.
  func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)?
}

extension ChangeFeed {
  /// Adds changes that no database remembers.
  public func publish(_ changes: [Change]) async throws(StoreError) {
    try await publish(changes, settling: nil)
  }
}

/// One watcher's place in the feed. Letting go of it ends the subscription.
public protocol ChangeSubscription: AnyObject {
  /// The next changes, at least one; waits for them. Nil: the watcher fell so far behind that what
  /// comes next is no longer kept. Ends early, with an empty array, when its task is cancelled.
  func next() async throws(StoreError) -> [FeedEvent]?
}
