import KeyValueStore

/// What a watcher wants next.
struct WatchCursor: Equatable, Sendable {
  /// The message.
  var offset: Int64
  /// How many of its changes the watcher has seen.
  var skipped = 0

  /// Past a whole message.
  init(past offset: Int64) { self.offset = offset + 1 }

  /// After a change.
  init(after position: FeedPosition) {
    offset = position.offset
    skipped = position.index + 1
  }

  /// Adds what a message has for the watcher, and goes on to the next one.
  mutating func take(_ message: StreamMessage, into events: inout [FeedEvent]) {
    message.appendEvents(skipping: skipped, to: &events)
    offset = message.offset + 1
    skipped = 0
  }
}
