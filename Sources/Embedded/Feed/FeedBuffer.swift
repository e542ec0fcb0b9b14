import DequeModule
import KeyValueStore

/// The last messages of a feed, each with the changes that were published together.
struct FeedBuffer {
  private struct Message {
    let changes: [Change]
    let bytes: Int
  }

  private var messages: Deque<Message> = []
  /// Offset of the first message that is kept, or of the next one to come.
  private var firstOffset: Int64
  /// Place of the last change that is not kept any more, or before the first of all.
  private var lastDropped: FeedPosition
  private var hasDropped = false
  private var events = 0
  private var bytes = 0
  private let eventsMax: Int
  private let bytesMax: Int

  /// What a change takes beside its key and media type.
  private static let overheadBytes = MemoryLayout<Change>.stride + 2 * 48

  init(firstOffset: Int64, eventsMax: Int, bytesMax: Int) {
    self.firstOffset = firstOffset
    self.eventsMax = eventsMax
    self.bytesMax = bytesMax
    lastDropped = FeedPosition(offset: firstOffset - 1, index: 0)
  }

  /// The place of the last change.
  var end: FeedPosition {
    guard let last = messages.last else { return lastDropped }
    return FeedPosition(
      offset: firstOffset + Int64(messages.count) - 1, index: last.changes.count - 1)
  }

  /// Adds a message, and drops as many of the oldest as have no room.
  mutating func append(_ changes: [Change]) {
    let size = changes.reduce(0) { $0 + FeedBuffer.bytes(of: $1) }
    messages.append(Message(changes: changes, bytes: size))
    events += changes.count
    bytes += size
    while events > eventsMax || bytes > bytesMax, let first = messages.popFirst() {
      events -= first.changes.count
      bytes -= first.bytes
      lastDropped = FeedPosition(offset: firstOffset, index: first.changes.count - 1)
      firstOffset += 1
      hasDropped = true
    }
  }

  /// Whether a watcher can resume after `position` without missing anything.
  func contains(_ position: FeedPosition) -> Bool {
    if position == lastDropped { return hasDropped }
    let distance = position.offset.subtractingReportingOverflow(firstOffset)
    guard !distance.overflow, messages.indices.contains(Int(distance.partialValue)) else {
      return false
    }
    return messages[Int(distance.partialValue)].changes.indices.contains(position.index)
  }

  /// At most `max` events after `position`, which was handed out; nil if some of them were dropped.
  func events(after position: FeedPosition, max: Int) -> [FeedEvent]? {
    if position < lastDropped { return nil }
    var found: [FeedEvent] = []
    var offset = Swift.max(position.offset, firstOffset)
    while found.count < max, offset < firstOffset + Int64(messages.count) {
      let changes = messages[Int(offset - firstOffset)].changes
      let start = offset == position.offset ? position.index + 1 : 0
      for index in start..<changes.count where found.count < max {
        found.append(
          FeedEvent(
            position: FeedPosition(offset: offset, index: index), change: changes[index]))
      }
      offset += 1
    }
    return found
  }

  private static func bytes(of change: Change) -> Int {
    var bytes = change.key.bytes.count + overheadBytes
    if case .put(let metadata) = change.kind { bytes += metadata.contentType.utf8.count }
    return bytes
  }
}
