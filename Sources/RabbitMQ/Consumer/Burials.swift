import KeyValueStore

/// Writes on their way to the dead-letter queue that came with others, whose message can't be put
/// aside for them. Each is settled once the dead-letter queue has it. If the connection is lost
/// before, its message comes again, and so does its burial: a write may lie there twice.
struct Burials {
  private var waiting: [(tag: DeliveryTag, message: OutgoingMessage)] = []
  private var unconfirmed = UnconfirmedWindow<DeliveryTag>()
  /// All of them.
  private var tags: Set<DeliveryTag> = []

  /// Whether there is none that the dead-letter queue does not have.
  var isEmpty: Bool { tags.isEmpty }

  /// Whether some were not sent.
  var isWaiting: Bool { !waiting.isEmpty }

  /// A write is put aside. A second time has no effect.
  mutating func add(_ message: OutgoingMessage, for tag: DeliveryTag) {
    if tags.insert(tag).inserted { waiting.append((tag, message)) }
  }

  /// What to send now, in this order.
  mutating func take() -> [OutgoingMessage] {
    defer { waiting = [] }
    for (tag, _) in waiting { unconfirmed.append(tag) }
    return waiting.map(\.message)
  }

  /// Returns the writes that the dead-letter queue has now.
  mutating func confirmed(_ confirm: Confirm) -> [DeliveryTag] {
    var confirmed: [DeliveryTag] = []
    unconfirmed.confirm(confirm, into: &confirmed)
    tags.subtract(confirmed)
    return confirmed
  }

  /// The connection is gone.
  mutating func reset() {
    waiting = []
    _ = unconfirmed.reset()
    tags = []
  }
}
