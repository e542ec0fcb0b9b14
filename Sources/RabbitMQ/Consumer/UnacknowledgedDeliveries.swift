import DequeModule
import KeyValueStore

/// The messages of one connection that the broker has not heard of yet, and how to tell it with few
/// methods: one acknowledgement covers all finished messages from the oldest on. A message is
/// finished once each of its writes is settled.
struct UnacknowledgedDeliveries {
  /// What the broker is told.
  enum Reply: Equatable {
    case acknowledge(UInt64, multiple: Bool)
    case reject(UInt64)
  }

  private enum Fate {
    case open
    /// Acknowledged, and the broker was not told.
    case done
    case told
  }

  private struct Message {
    var fate = Fate.open
    /// Whether each of its writes is settled.
    var isSettled: [Bool]
    /// How many are not.
    var openCount: Int
  }

  private var messages: Deque<Message> = []
  private var firstNumber: UInt64 = 1

  /// How many messages there are, including some that were finished out of order.
  var count: Int { messages.count }

  /// The next message has come, with so many writes.
  mutating func append(writes: Int) {
    messages.append(
      Message(isSettled: Array(repeating: false, count: writes), openCount: writes))
  }

  /// A new connection counts from 1 again.
  mutating func reset() {
    messages.removeAll(keepingCapacity: true)
    firstNumber = 1
  }

  /// Nil for a write that never came, or whose message is finished.
  private func index(of tag: DeliveryTag) -> Int? {
    guard tag.number >= firstNumber, tag.number - firstNumber < UInt64(messages.count) else {
      return nil
    }
    let index = Int(tag.number - firstNumber)
    let isThere = messages[index].isSettled.indices.contains(tag.place)
    return isThere && messages[index].fate == .open ? index : nil
  }

  /// Whether a write waits to be settled: it is settled once.
  func isOpen(_ tag: DeliveryTag) -> Bool {
    index(of: tag).map { !messages[$0].isSettled[tag.place] } ?? false
  }

  /// Whether a write is all that its message carries.
  func isAlone(_ tag: DeliveryTag) -> Bool {
    index(of: tag).map { messages[$0].isSettled.count == 1 } ?? false
  }

  /// These writes are settled.
  mutating func acknowledge(_ tags: some Sequence<DeliveryTag>) -> [Reply] {
    var done: [UInt64] = []
    for tag in tags {
      guard let index = index(of: tag), !messages[index].isSettled[tag.place] else { continue }
      messages[index].isSettled[tag.place] = true
      messages[index].openCount -= 1
      guard messages[index].openCount == 0 else { continue }
      messages[index].fate = .done
      done.append(tag.number)
    }
    // "All up to here" must end at a message that the broker was not told of: it closes the channel
    // when it gets a tag that it does not know any more.
    var last: UInt64?
    while let message = messages.first, message.fate != .open {
      if message.fate == .done { last = firstNumber }
      removeFirst()
    }
    var replies = last.map { [Reply.acknowledge($0, multiple: true)] } ?? []
    for number in done where number >= firstNumber {
      messages[Int(number - firstNumber)].fate = .told
      replies.append(.acknowledge(number, multiple: false))
    }
    return replies
  }

  /// The queue is to put aside the messages of these writes, each of which is alone in its own.
  mutating func reject(_ tags: some Sequence<DeliveryTag>) -> [Reply] {
    var replies: [Reply] = []
    for tag in tags {
      guard let index = index(of: tag), isAlone(tag) else { continue }
      messages[index].fate = .told
      replies.append(.reject(tag.number))
    }
    while let message = messages.first, message.fate != .open { removeFirst() }
    return replies
  }

  private mutating func removeFirst() {
    messages.removeFirst()
    firstNumber += 1
  }
}
