public import KeyValueStore
import Synchronization

/// The change feed in a stream of RabbitMQ. A position is a message's offset in the stream and a
/// change's place in the message.
public struct RabbitMQChangeFeed: ChangeFeed, Sendable {
  private let publisher: RabbitMQPublisher
  private let watcher: RabbitMQWatcher

  /// The feed that a publisher and a watcher serve.
  public init(publisher: RabbitMQPublisher, watcher: RabbitMQWatcher) {
    self.publisher = publisher
    self.watcher = watcher
  }

  /// See `ChangeFeed`. Never waits; changes gathered since the last message go into one. The commit
  /// is added to the publisher's `PublishedChanges` once the stream has all of them.
  ///
  /// Throws `unavailable` when there is no broker or too much waits for it: the changes are not
  /// published then, and have to come from the outbox.
  public func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    if changes.isEmpty { return }
    try publisher.publish(PendingChanges.pack(changes, settling: id))
  }

  /// See `ChangeFeed`. Throws `unavailable` after the publisher's `confirmDeadline`.
  public func flush() async throws(StoreError) { try await publisher.flush() }

  /// See `ChangeFeed`. Takes a round trip to the broker or two, and throws `unavailable` when there
  /// is none.
  ///
  /// Where the stream ends is known by a message without changes that is put there: positions from
  /// there on were never handed out.
  public func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    // No message holds as many changes as bytes.
    if let position,
      position.offset < 0 || !(0..<ChangeMessage.bytesMax).contains(position.index)
    {
      return nil
    }
    let number = watcher.state.withLock { $0.enter() }
    var isOver = false
    defer { if !isOver { watcher.leave(number) } }
    try await watcher.attach()
    let end = try await watcher.mark(by: publisher)
    let generation = watcher.state.withLock { $0.generation }
    isOver = true
    guard let position else {
      return StreamSubscription(
        reader: watcher, watcher: number, generation: generation, cursor: WatchCursor(past: end))
    }
    let subscription = StreamSubscription(
      reader: watcher, watcher: number, generation: generation, cursor: WatchCursor(after: position)
    )
    if position.offset >= end { return nil }
    if let isKept = watcher.state.withLock({ $0.isKept(position) }) {
      return isKept ? subscription : nil
    }
    return try await subscription.readFirst() ? subscription : nil
  }
}
