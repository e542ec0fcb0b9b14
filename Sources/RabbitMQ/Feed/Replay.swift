import DequeModule

/// A watcher that is behind reads the stream by itself, on a channel of its own and as slowly as it
/// likes, until it has caught up with the others.
struct Replay {
  /// What has come and was not read yet: no more than the prefetch.
  private var messages: Deque<(message: StreamMessage, tag: UInt64)> = []
  /// Read and not acknowledged yet.
  private var lastReadTag: UInt64?
  /// The connection is gone, and this with it.
  var isLost = false

  mutating func receive(_ message: StreamMessage, tag: UInt64) {
    messages.append((message, tag))
  }

  var next: StreamMessage? { messages.first?.message }

  mutating func removeFirst() {
    lastReadTag = messages.removeFirst().tag
  }

  /// What to acknowledge, so that more comes: everything up to it.
  mutating func takeReadTag() -> UInt64? {
    defer { lastReadTag = nil }
    return lastReadTag
  }
}
