/// Delivers committed changes to watchers, each at least once, and those of a key in the order of
/// its revisions. A change that could not be published for long may come late, and one that was
/// published twice may come again: the greater revision decides.
///
/// Every implementation passes `ChangeFeedContract`.
public protocol ChangeFeed {
  /// Adds changes at the end, in order. Never waits for a watcher.
  ///
  /// `settling`: these are all changes of the commit of this name, and nothing else is left to do
  /// for them, so that the database may settle them once the feed can't lose them any more.
  func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError)

  /// Returns once the feed can't lose what was published before this call.
  func flush() async throws(StoreError)

  /// Follows the feed after `position`, or from now on (nil). Returns nil when the changes after
  /// `position` are no longer kept, or the feed never handed `position` out.
  func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)?
}

extension ChangeFeed {
  /// Adds changes that are in no outbox.
  public func publish(_ changes: [Change]) async throws(StoreError) {
    try await publish(changes, settling: nil)
  }
}

/// One watcher's place in the feed. The subscription ends when its last reference goes.
public protocol ChangeSubscription: AnyObject {
  /// Where the watcher is: it has all changes up to here, and can resume after it.
  var position: FeedPosition { get }

  /// Whether changes that were read wait for others that are missing. `replay`, called again later,
  /// returns them in their time.
  var isHolding: Bool { get }

  /// Waits for the next changes and returns them, at least one. Nil: the watcher fell so far behind
  /// that its next change is no longer kept. Returns an empty array when its task is cancelled or
  /// the subscription ended.
  func next() async throws(StoreError) -> [FeedEvent]?

  /// As `next`, as long as there are changes that were published before `subscribe`: once all of
  /// them have been returned, it does not wait for others but returns an empty array.
  func replay() async throws(StoreError) -> [FeedEvent]?

  /// Ends the subscription: a `next` that waits returns an empty array, and so does every later
  /// one. Call it on the watcher's event loop.
  func end()
}

/// A change and its place in the feed.
public struct FeedEvent: Equatable, Sendable {
  /// Where the change itself is.
  public let place: FeedPosition
  /// A watcher that has had this event, and all that were handed out before it, resumes after this
  /// position. It never runs backwards. It lies before `place` while the feed holds back an earlier
  /// change, and behind it when that comes at last: several events may have the same.
  public let position: FeedPosition
  public let change: Change

  /// `place`: nil if it is the position.
  public init(position: FeedPosition, place: FeedPosition? = nil, change: Change) {
    self.place = place ?? position
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

  public init(offset: Int64, index: Int) {
    self.offset = offset
    self.index = index
  }

  /// Reads `offset.index` as `text` spells it: two decimal numbers without sign or leading zero.
  public init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let offset = Int64(parts[0]), let index = Int(parts[1]),
      offset >= 0, index >= 0
    else { return nil }
    self.init(offset: offset, index: index)
    // Int also reads "+1", "-0" and "01", which no feed has handed out.
    guard self.text == text else { return nil }
  }

  public var text: String { "\(offset).\(index)" }

  public static func < (left: FeedPosition, right: FeedPosition) -> Bool {
    (left.offset, left.index) < (right.offset, right.index)
  }
}
