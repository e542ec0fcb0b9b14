import DequeModule

/// What a lane carries.
protocol PublishedMessage {
  /// When it was sent last.
  var sentAt: ContinuousClock.Instant? { get }
}

/// The messages of one channel: those that are to be sent, and those that wait for their confirm.
struct PublisherLane<Message: PublishedMessage> {
  /// Not sent, or to be sent once more.
  var waiting: Deque<Message> = []
  private(set) var unconfirmed = UnconfirmedWindow<Message>()
  /// When the broker confirmed something last, on this connection.
  private var confirmedAt: ContinuousClock.Instant?
  /// How long the broker may confirm nothing.
  private(set) var patience: Patience

  init(patience: Duration) { self.patience = Patience(patience) }

  var isEmpty: Bool { waiting.isEmpty && unconfirmed.isEmpty }

  mutating func sent(_ message: Message) { unconfirmed.append(message) }

  /// What the broker has answered for.
  mutating func confirm(_ confirm: Confirm, at now: ContinuousClock.Instant) -> [Message] {
    var messages: [Message] = []
    unconfirmed.confirm(confirm, into: &messages)
    if !messages.isEmpty {
      confirmedAt = now
      patience.moved()
    }
    return messages
  }

  /// The connection is lost: what it leaves unanswered, in order.
  mutating func reset() -> [Message] {
    confirmedAt = nil
    return unconfirmed.reset()
  }

  /// Whether a message has waited for its confirm for longer than `limit`.
  func isLate(at now: ContinuousClock.Instant, limit: Duration) -> Bool {
    unconfirmed.first?.sentAt.map { now - $0 > limit } ?? false
  }

  /// Why the connection is to be given up: a message waits for a confirm that will not come, as
  /// none has come for so long, or only those of later messages. A broker that is slow confirms
  /// slowly, but it confirms.
  mutating func stall(at now: ContinuousClock.Instant) -> String? {
    let limit = patience.current
    guard isLate(at: now, limit: limit) else { return nil }
    let isSilent = confirmedAt.map { now - $0 > limit } ?? true
    guard isSilent || unconfirmed.isOvertaken else { return nil }
    patience.wasLost()
    return "no confirm within \(limit.components.seconds) s for \(unconfirmed.count) messages"
  }
}
