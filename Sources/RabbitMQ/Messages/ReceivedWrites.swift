import KeyValueStore

/// A message of the queue of writes, read: what it carries, in order.
struct ReceivedWrites {
  /// At least one. What can't be cut into writes is one that is malformed.
  let deliveries: [Delivery]
  /// What they take in memory, roughly.
  let bytes: Int
  /// The content of those that can't be read, if they have come with others, by their place.
  private(set) var damaged: [Int: [UInt8]] = [:]

  /// Reads any message of either layout.
  /// - Parameters:
  ///   - connection: see `DeliveryTag`.
  ///   - number: see `DeliveryTag`.
  init(_ message: ReceivedMessage, connection: Int, number: UInt64) {
    let deliveryCount = Int(clamping: message.integer(.deliveryCount) ?? 0)
    let pieces = ReceivedWrites.pieces(of: message)
    deliveries = pieces.enumerated().map { place, piece in
      Delivery(
        content: piece.content, deliveryCount: deliveryCount, bytes: piece.bytes,
        tag: DeliveryTag(connection: connection, number: number, place: place))
    }
    bytes = pieces.reduce(0) { $0 + $1.bytes }
    guard pieces.count > 1 else { return }
    for (place, piece) in pieces.enumerated() { damaged[place] = piece.damaged }
  }

  private static func pieces(of message: ReceivedMessage) -> [WriteGroup.Piece] {
    if message.integer(.version) == WriteGroup.version {
      if let pieces = WriteGroup.decode(message.body) { return pieces }
      let content = Delivery.Content.malformed(
        reason: "it can't be cut into writes",
        id: OperationID(String(decoding: message.id, as: UTF8.self)))
      return [WriteGroup.Piece(content: content, bytes: message.bytes)]
    }
    do throws(WriteMessage.Malformed) {
      let queued = try WriteMessage.decode(message)
      return [WriteGroup.Piece(content: .write(queued), bytes: message.bytes)]
    } catch {
      let content = Delivery.Content.malformed(reason: error.reason, id: error.id)
      return [WriteGroup.Piece(content: content, bytes: message.bytes)]
    }
  }

  /// One of them as a message of its own, for the dead-letter queue.
  static func message(of delivery: Delivery, damaged: [UInt8]?) -> OutgoingMessage {
    switch delivery.content {
    case .write(let queued): WriteMessage.encode(queued)
    case .malformed(_, let id): WriteGroup.message(damaged: damaged ?? [], id: id)
    }
  }
}
