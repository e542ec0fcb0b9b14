import DequeModule
import KeyValueStore

/// The last messages of the stream, without a gap.
///
/// RabbitMQ begins each file of a stream but the first with a chunk of its own, which takes one
/// offset and is never delivered: a single missing offset is no gap. RabbitMQ deletes whole files,
/// from the oldest on, so a consumer that really misses messages misses that offset as well.
struct FeedRing {
  /// What a received message was.
  enum Arrival: Equatable {
    /// The next one.
    case appended
    /// Known already: another replica was behind.
    case known
    /// Not the next one: those in between are no longer kept.
    case gap
    /// Of another stream with the same name: nothing that was known holds any more.
    case restarted
  }

  private var messages: Deque<StreamMessage> = []
  private var bytes = 0
  private let bytesMax: Int

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  var firstOffset: Int64? { messages.first?.offset }
  var lastOffset: Int64? { messages.last?.offset }

  /// Whether the message at `offset` is held or still to come.
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

  /// The newest message stays, however long it is.
  private mutating func append(_ message: StreamMessage) {
    messages.append(message)
    bytes += message.bytes
    while bytes > bytesMax, messages.count > 1 { bytes -= messages.removeFirst().bytes }
  }
}

/// A message of the change stream, with its offset and the memory that it takes.
struct StreamMessage: Equatable, Sendable {
  let offset: Int64
  let content: ChangeMessage
  /// Tells it from the message that another stream of this name has at the same offset.
  let tag: MessageTag
  let bytes: Int

  /// What a message takes besides its content.
  private static let overheadBytes = 256

  /// Nil: not a message of a stream.
  init?(_ message: ReceivedMessage) {
    guard let offset = message.integer(.streamOffset) else { return nil }
    self.init(offset: offset, body: message.body)
  }

  init(offset: Int64, body: [UInt8]) {
    self.offset = offset
    content = ChangeMessage(decoding: body)
    tag = MessageTag(of: body)
    // A decoded change takes about twice as much again, for its arrays.
    bytes = StreamMessage.overheadBytes + 3 * body.count
  }

  /// Stands for an offset that RabbitMQ keeps for itself.
  init(holeAt offset: Int64) {
    self.offset = offset
    content = .changes([])
    tag = MessageTag(of: [])
    bytes = StreamMessage.overheadBytes
  }

  /// Whether the feed has handed `position` out, and in this stream. The offset is this message's.
  func has(_ position: FeedPosition) -> Bool {
    let (tag, index) = MessageTag.split(position)
    return tag == self.tag && index < content.positionsCount
  }

  /// Appends all changes with their positions.
  fileprivate func appendEvents(to events: inout [FeedEvent]) {
    for (index, change) in content.changes.enumerated() {
      events.append(FeedEvent(position: tag.position(offset, index), change: change))
    }
  }
}

/// A number made of the content of a message. It is part of every position in the message.
///
/// RabbitMQ numbers the messages of a stream from 0, and gives a stream no other identity: when its
/// data is lost, the positions of the old stream are valid numbers in the new one, too. There they
/// name other messages, whose tags differ. As each marker holds a random number, and each change
/// its time, the chance that they do not is one in two thousand million.
struct MessageTag: Hashable, Sendable {
  private let number: UInt32

  /// The index of a change has the lower bits.
  private static let indexBits = 16

  /// FNV-1a (Fowler, Noll, Vo), in 31 bits.
  init(of body: [UInt8]) {
    var hash: UInt32 = 0x811C_9DC5
    for byte in body { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    number = (hash ^ hash >> 31) & 0x7FFF_FFFF
  }

  private init(number: UInt32) { self.number = number }

  /// The position of a change in the message at `offset`.
  func position(_ offset: Int64, _ index: Int) -> FeedPosition {
    FeedPosition(offset: offset, index: Int(number) << MessageTag.indexBits | index)
  }

  /// The parts of a position's index; it may be any that is not negative.
  static func split(_ position: FeedPosition) -> (tag: MessageTag, index: Int) {
    let number = UInt32(truncatingIfNeeded: position.index >> indexBits)
    return (MessageTag(number: number), position.index & (1 << indexBits - 1))
  }

  /// Whether `split` finds the parts that `position` was made of.
  static func canSplit(_ position: FeedPosition) -> Bool {
    position.index >= 0 && position.index >> indexBits <= 0x7FFF_FFFF
  }
}

/// Which message a watcher reads next.
struct WatchCursor: Equatable, Sendable {
  /// Of the message.
  private(set) var offset: Int64
  /// The watcher has had everything up to here. Messages before it are read to know what came last
  /// of each key; it does not matter if they are no longer kept.
  private let seen: FeedPosition

  /// Begins so many messages before `position`.
  init(after position: FeedPosition, remembering count: Int64 = 0) {
    offset = max(0, position.offset - count)
    seen = position
  }

  /// Passes over messages that it can do without, up to the first one that there is.
  mutating func skip(to first: Int64) {
    if first <= seen.offset { offset = max(offset, first) }
  }

  /// Whether this is the next message, of the same stream. One missing offset is RabbitMQ's own:
  /// see `FeedRing`.
  func isNext(_ message: StreamMessage) -> Bool {
    if message.offset == seen.offset { return message.has(seen) }
    return message.offset - offset <= (offset == seen.offset ? 0 : 1)
  }

  /// Adds what a message holds, also what the watcher has had, and moves on to the next message.
  mutating func take(_ message: StreamMessage, into events: inout [FeedEvent]) {
    message.appendEvents(to: &events)
    offset = message.offset + 1
  }
}
