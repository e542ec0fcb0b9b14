import DequeModule

/// Messages that were sent on a channel and that the broker has not confirmed, under the numbers
/// that both sides count (https://www.rabbitmq.com/confirms.html).
struct UnconfirmedWindow<Message> {
  /// Nil where a later message was confirmed before an earlier one. The first is never nil.
  private var slots: Deque<Message?> = []
  private var firstTag: UInt64 = 1

  /// The oldest one.
  var first: Message? { slots.first ?? nil }

  var isEmpty: Bool { slots.isEmpty }

  /// How many messages wait.
  var count: Int { slots.count { $0 != nil } }

  /// Whether a message was confirmed before an earlier one.
  var isOvertaken: Bool { slots.contains { $0 == nil } }

  /// A message is sent; its number is one more than that of the last.
  mutating func append(_ message: Message) { slots.append(message) }

  /// The broker has answered for one message or for all up to it: these go into `messages`. A
  /// number that does not wait for an answer is ignored.
  mutating func confirm(_ confirm: Confirm, into messages: inout [Message]) {
    guard confirm.tag >= firstTag, confirm.tag - firstTag < UInt64(slots.count) else { return }
    let index = Int(confirm.tag - firstTag)
    for slot in (confirm.isMultiple ? 0 : index)...index {
      guard let message = slots[slot] else { continue }
      slots[slot] = nil
      messages.append(message)
    }
    while case .some(nil) = slots.first {
      slots.removeFirst()
      firstTag += 1
    }
  }

  /// The channel is lost: what it leaves unanswered, in order. The next one counts from 1.
  mutating func reset() -> [Message] {
    defer {
      slots.removeAll(keepingCapacity: true)
      firstTag = 1
    }
    return slots.compactMap { $0 }
  }
}
