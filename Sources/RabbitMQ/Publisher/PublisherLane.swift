import DequeModule

/// A message that a lane carries.
protocol PublishedMessage {
  /// When it was sent last.
  var sentAt: ContinuousClock.Instant? { get }
}

/// The messages of one channel that wait for their confirm, and what is to be sent.
struct PublisherLane<Waiting, Message: PublishedMessage> {
  /// Not sent yet, or to be sent again.
  var waiting: Deque<Waiting> = []
  private(set) var unconfirmed = UnconfirmedWindow<Message>()
  /// When the broker last confirmed a message on this connection.
  private var confirmedAt: ContinuousClock.Instant?
  /// How long the broker may confirm nothing.
  private var patience: Patience

  init(patience: Duration) { self.patience = Patience(patience) }

  var isEmpty: Bool { waiting.isEmpty && unconfirmed.isEmpty }

  mutating func sent(_ message: Message) { unconfirmed.append(message) }

  /// Returns the messages that the broker has answered.
  mutating func confirm(_ confirm: Confirm, at now: ContinuousClock.Instant) -> [Message] {
    var messages: [Message] = []
    unconfirmed.confirm(confirm, into: &messages)
    if !messages.isEmpty {
      confirmedAt = now
      patience.moved()
    }
    return messages
  }

  /// The connection is lost. Returns the messages that were not confirmed, in order.
  mutating func reset() -> [Message] {
    confirmedAt = nil
    return unconfirmed.reset()
  }

  /// Whether a message has waited for its confirm for longer than `limit`.
  func isLate(at now: ContinuousClock.Instant, limit: Duration) -> Bool {
    unconfirmed.first?.sentAt.map { now - $0 > limit } ?? false
  }

  /// Why the connection must be given up: a message waits for a confirm that will not come, because
  /// no confirm, or only those of later messages, came for too long. A slow broker confirms slowly,
  /// but it confirms.
  mutating func stall(at now: ContinuousClock.Instant) -> String? {
    let limit = patience.current
    guard isLate(at: now, limit: limit) else { return nil }
    let isSilent = confirmedAt.map { now - $0 > limit } ?? true
    guard isSilent || unconfirmed.isOvertaken else { return nil }
    patience.wasLost()
    return "no confirm within \(limit.components.seconds) s for \(unconfirmed.count) messages"
  }
}

/// Messages that were sent on a channel and that the broker has not confirmed, by the numbers that
/// both sides count (https://www.rabbitmq.com/confirms.html).
struct UnconfirmedWindow<Message> {
  /// Nil where a later message was confirmed before an earlier one. The first is never nil.
  private var slots: Deque<Message?> = []
  private var firstTag: UInt64 = 1

  /// The oldest message.
  var first: Message? { slots.first ?? nil }

  var isEmpty: Bool { slots.isEmpty }

  var count: Int { slots.count { $0 != nil } }

  /// The messages of which `isWanted` is true, in order.
  func messages(where isWanted: (Message) -> Bool) -> [Message] {
    slots.compactMap { slot in slot.flatMap { isWanted($0) ? $0 : nil } }
  }

  /// Whether a message was confirmed before an earlier one.
  var isOvertaken: Bool { slots.contains { $0 == nil } }

  /// Adds a message, whose number is one more than that of the last.
  mutating func append(_ message: Message) { slots.append(message) }

  /// Moves the message that the broker has answered, or all up to it, into `messages`. A number of
  /// no waiting message is ignored.
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

  /// The channel is lost, and the next one counts from 1. Returns the unconfirmed messages, in
  /// order.
  mutating func reset() -> [Message] {
    defer {
      slots.removeAll(keepingCapacity: true)
      firstTag = 1
    }
    return slots.compactMap { $0 }
  }
}
