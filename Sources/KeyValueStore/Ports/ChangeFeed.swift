/// Tells watchers of committed changes, each at least once, in one order for everybody.
///
/// Whoever implements it passes `ChangeFeedContract`.
public protocol ChangeFeed {
  /// Adds changes at the end, in order. Never waits for a watcher.
  func publish(_ changes: [Change]) async throws(StoreError)

  /// Follows the feed after `position`, or from now on (nil). Nil is returned when what follows
  /// `position` is no longer kept, or `position` was never handed out.
  func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)?
}

/// One watcher's place in the feed. Letting go of it ends the subscription.
public protocol ChangeSubscription: AnyObject {
  /// The next changes, at least one; waits for them. Nil: the watcher fell so far behind that what
  /// comes next is no longer kept. Ends early, with an empty array, when its task is cancelled.
  func next() async throws(StoreError) -> [FeedEvent]?
}

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

/// A place in the feed, spelt `offset.index`: a message and a change inside it.
public struct FeedPosition: Hashable, Comparable, Sendable {
  /// The message.
  public let offset: Int64
  /// The change inside it, from 0.
  public let index: Int

  /// The place of one change.
  public init(offset: Int64, index: Int) {
    self.offset = offset
    self.index = index
  }

  /// Reads `offset.index`.
  public init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let offset = Int64(parts[0]), let index = Int(parts[1]),
      offset >= 0, index >= 0
    else { return nil }
    self.init(offset: offset, index: index)
  }

  /// `offset.index`.
  public var text: String { "\(offset).\(index)" }

  /// Earlier in the feed is less.
  public static func < (left: FeedPosition, right: FeedPosition) -> Bool {
    (left.offset, left.index) < (right.offset, right.index)
  }
}
