import DequeModule
import KeyValueStore

/// The last messages of the stream, without a gap.
///
/// RabbitMQ begins each file of a stream but the first with a chunk of its own, which takes one
/// offset and is never delivered: a single missing offset is no gap. What it forgets are whole
/// files from the oldest on, so that whoever really misses something misses that offset as well.
struct FeedRing {
  /// What a message that came was.
  enum Arrival: Equatable {
    /// The next one.
    case appended
    /// Known already: another replica was behind.
    case known
    /// Not the next one: those in between are no longer kept.
    case gap
    /// The stream is another one of the same name: what was known of it means nothing now.
    case restarted
  }

  private var messages: Deque<StreamMessage> = []
  private var bytes = 0
  private let bytesMax: Int

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  var firstOffset: Int64? { messages.first?.offset }
  var lastOffset: Int64? { messages.last?.offset }

  /// Whether it holds what a watcher wants next, or that is still to come.
  func covers(_ offset: Int64) -> Bool {
    guard let firstOffset else { return false }
    return offset >= firstOffset
  }

  subscript(offset: Int64) -> StreamMessage? {
    guard let firstOffset, let lastOffset, (firstOffset...lastOffset).contains(offset) else {
      return nil
    }
    return messages[Int(offset - firstOffset)]
  }

  mutating func receive(_ message: StreamMessage) -> Arrival {
    guard let lastOffset else {
      append(message)
      return .appended
    }
    if message.offset == lastOffset + 1 {
      append(message)
      return .appended
    }
    if message.offset == lastOffset + 2 {
      append(StreamMessage(holeAt: lastOffset + 1))
      append(message)
      return .appended
    }
    if self[message.offset] == message { return .known }
    clear()
    append(message)
    return message.offset > lastOffset ? .gap : .restarted
  }

  mutating func clear() {
    messages.removeAll()
    bytes = 0
  }

  /// The newest one stays however long it is.
  private mutating func append(_ message: StreamMessage) {
    messages.append(message)
    bytes += message.bytes
    while bytes > bytesMax, messages.count > 1 { bytes -= messages.removeFirst().bytes }
  }
}
