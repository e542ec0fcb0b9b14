import KeyValueStore

/// A message of the change stream, where it stands and what it takes in memory.
struct StreamMessage: Equatable, Sendable {
  let offset: Int64
  let content: ChangeMessage
  let bytes: Int

  /// What a message takes beside what it carries.
  private static let overheadBytes = 256

  /// Nil: no message of a stream.
  init?(_ message: ReceivedMessage) {
    guard let offset = message.integer(.streamOffset) else { return nil }
    self.init(offset: offset, body: message.body)
  }

  init(offset: Int64, body: [UInt8]) {
    self.offset = offset
    content = ChangeMessage(decoding: body)
    // Decoded, a change takes about as much again for its arrays.
    bytes = StreamMessage.overheadBytes + 3 * body.count
  }

  /// Stands for an offset that RabbitMQ keeps for itself.
  init(holeAt offset: Int64) {
    self.offset = offset
    content = .changes([])
    bytes = StreamMessage.overheadBytes
  }

  /// Its changes but for the first `skipped`, with their positions.
  func appendEvents(skipping skipped: Int, to events: inout [FeedEvent]) {
    let changes = content.changes
    guard skipped < changes.count else { return }
    for index in skipped..<changes.count {
      events.append(
        FeedEvent(position: FeedPosition(offset: offset, index: index), change: changes[index]))
    }
  }
}
