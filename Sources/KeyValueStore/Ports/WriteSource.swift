/// The other end of a write queue: it hands queued writes to those who apply them, each at least
/// once.
public protocol WriteSource {
  /// The deliveries are done. Never waits.
  func acknowledge(_ deliveries: [Delivery])

  /// The deliveries can never be applied: they are put aside. Never waits.
  func reject(_ deliveries: [Delivery])
}

/// A queued write as it came out of the queue, to be acknowledged or rejected. Those that came in
/// one message are settled each by itself; the message comes again unless all of them are.
public struct Delivery: Sendable {
  public let content: Content
  /// How often its message was delivered before without being acknowledged.
  public let deliveryCount: Int
  /// What it takes in memory, roughly.
  public let bytes: Int
  public let tag: DeliveryTag

  /// What was delivered.
  public enum Content: Equatable, Sendable {
    case write(QueuedWrite)
    /// Not a write that this version understands. `reason` is for operators; `id` is the
    /// operation's, if it can be read.
    case malformed(reason: String, id: OperationID?)
  }

  public init(content: Content, deliveryCount: Int, bytes: Int, tag: DeliveryTag) {
    self.content = content
    self.deliveryCount = deliveryCount
    self.bytes = bytes
    self.tag = tag
  }
}

/// Identifies a delivery while its connection lives.
public struct DeliveryTag: Hashable, Sendable {
  /// Counts the connections of a consumer.
  public let connection: Int
  /// Counts the messages of a connection, from 1.
  public let number: UInt64
  /// Counts the writes of a message, from 0.
  public let place: Int

  public init(connection: Int, number: UInt64, place: Int = 0) {
    self.connection = connection
    self.number = number
    self.place = place
  }
}

/// Cuts deliveries into parts that are tried together.
///
/// A write is delivered again when a worker has died of it, but mostly for other reasons: a lost
/// connection, a worker that was replaced, RabbitMQ's `consumer_timeout` in a long outage. The
/// count of deliveries can't tell which, so no write is given up for it. But the more often a write
/// was delivered, the fewer others are tried with it, also of those that share its message, and in
/// the end it is tried alone and after all others: then it can harm only itself.
public enum DeliveryParts {
  /// From so many deliveries on, a write is tried alone and last.
  public static let aloneAfter = 10

  /// The most writes that are tried together with one that was delivered so often before.
  private static func companyMax(deliveryCount: Int) -> Int {
    1 << (aloneAfter - min(max(deliveryCount, 0), aloneAfter))
  }

  /// Parts of at most `bytesMax` bytes each; a first write alone may exceed it.
  public static func cut(_ deliveries: [Delivery], bytesMax: Int) -> [[Delivery]] {
    let alone = deliveries.filter { $0.deliveryCount >= aloneAfter }
    var parts: [[Delivery]] = []
    var part: [Delivery] = []
    var bytes = 0
    var companyMax = Int.max
    for delivery in deliveries where delivery.deliveryCount < aloneAfter {
      let company = Self.companyMax(deliveryCount: delivery.deliveryCount)
      let isFull = bytes + delivery.bytes > bytesMax || part.count >= min(companyMax, company)
      if isFull, !part.isEmpty {
        parts.append(part)
        (part, bytes, companyMax) = ([], 0, .max)
      }
      part.append(delivery)
      bytes += delivery.bytes
      companyMax = min(companyMax, company)
    }
    if !part.isEmpty { parts.append(part) }
    return parts + alone.map { [$0] }
  }
}
