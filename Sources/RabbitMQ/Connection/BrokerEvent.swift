/// What a broker says by itself.
enum BrokerEvent {
  /// The broker has taken responsibility for a message, or for all up to it; or has not.
  case confirmed(Confirm)
  /// No queue took a message; its confirm follows.
  case returned(id: [UInt8], reason: String)
  /// The answer to `ask`.
  case answered(channel: UInt16)
  /// A message for a consumer.
  case delivered(BrokerDelivery)
  /// The broker takes no messages for now, for lack of memory or disk.
  case blocked(reason: String)
  /// It does again.
  case unblocked
}

/// A publisher confirm.
struct Confirm: Equatable, Sendable {
  let channel: UInt16
  let tag: UInt64
  /// It goes for all messages up to `tag`.
  let isMultiple: Bool
  /// False: the broker could not take responsibility.
  let isPositive: Bool
}

/// A message as it came, and what it is called on its channel.
struct BrokerDelivery {
  let channel: UInt16
  let tag: UInt64
  var message: ReceivedMessage
}
