public import KeyValueStore

/// A queued write as it came out of the queue, to be acknowledged, rejected or given back.
public struct Delivery: Sendable {
  /// What it holds.
  public let content: Content
  /// How often it was delivered before, and not acknowledged.
  public let deliveryCount: Int
  /// What it takes in memory, roughly.
  let bytes: Int
  /// What it is called: which connection, and which delivery there.
  let tag: DeliveryTag

  /// What a message turned out to be.
  public enum Content: Equatable, Sendable {
    /// A write.
    case write(QueuedWrite)
    /// No write that this version understands: `reason` is for operators, `id` whose it was.
    case malformed(reason: String, id: OperationID?)
  }

  init(_ message: ReceivedMessage, tag: DeliveryTag) {
    self.tag = tag
    bytes = message.bytes
    deliveryCount = Int(clamping: message.integer(.deliveryCount) ?? 0)
    do throws(WriteMessage.Malformed) {
      content = .write(try WriteMessage.decode(message))
    } catch {
      content = .malformed(reason: error.reason, id: error.id)
    }
  }
}

/// Names a delivery as long as its connection lives.
struct DeliveryTag: Equatable, Sendable {
  /// Counts the connections of a consumer.
  let connection: Int
  /// Counts the deliveries of a connection, from 1.
  let number: UInt64
}
