import CRabbitMQ

extension BrokerConnection {
  /// Makes sure that the queues for writes are there, as they must be. Several processes may do so
  /// at once.
  ///
  /// A queue of that name which is another kind of queue is an error: nothing that is promised of
  /// it would hold.
  func declareWriteQueues(on channel: UInt16) throws(ConnectionFailure) {
    try declare(
      configuration.deadLetterQueue, on: channel,
      arguments: [("x-queue-type", .text("quorum"))])
    try declare(
      configuration.writesQueue, on: channel,
      arguments: [
        ("x-queue-type", .text("quorum")),
        ("x-delivery-limit", .integer(Int64(configuration.deliveryLimit))),
        // A write that is put aside must not be lost on its way either.
        ("x-dead-letter-strategy", .text("at-least-once")),
        ("x-overflow", .text("reject-publish")),
        ("x-dead-letter-exchange", .text("")),
        ("x-dead-letter-routing-key", .text(configuration.deadLetterQueue)),
      ])
  }

  /// Makes sure that the stream of changes is there, as it must be.
  func declareChanges(on channel: UInt16) throws(ConnectionFailure) {
    try declare(
      configuration.changesStream, on: channel,
      arguments: [
        ("x-queue-type", .text("stream")),
        ("x-max-age", .text("\(configuration.changesKept.components.seconds)s")),
        ("x-max-length-bytes", .integer(configuration.changeBytesKept)),
        ("x-stream-max-segment-size-bytes", .integer(configuration.changeSegmentBytes)),
      ])
  }

  private func declare(
    _ name: String, on channel: UInt16, arguments: [(name: StaticString, value: FieldTable.Value)]
  ) throws(ConnectionFailure) {
    let table = FieldTable(arguments)
    try withBytes(of: name) { name throws(ConnectionFailure) in
      // Neither passive, exclusive nor deleted when unused, but durable.
      _ = amqp_queue_declare(state, channel, name, 0, 1, 0, 0, table.table)
      try check("declaring a queue")
    }
    withExtendedLifetime(table) {}
  }

  /// How many messages a queue holds that nobody is working on.
  func messagesReady(in queue: String, on channel: UInt16) throws(ConnectionFailure) -> Int {
    try withBytes(of: queue) { name throws(ConnectionFailure) in
      let answer = amqp_queue_declare(state, channel, name, 1, 0, 0, 0, .none)
      guard let answer else {
        try check("looking at a queue")
        throw ConnectionFailure("looking at a queue: no answer")
      }
      return Int(answer.pointee.message_count)
    }
  }

  /// The broker shall confirm what is published on a channel.
  func confirm(on channel: UInt16) throws(ConnectionFailure) {
    _ = amqp_confirm_select(state, channel)
    try check("asking for confirms")
  }

  /// Starts to consume a queue, with at most `prefetch` deliveries unacknowledged at a time.
  /// - Parameter offset: where to start in a stream.
  func consume(
    _ queue: String, on channel: UInt16, prefetch: UInt16, from offset: StreamOffset? = nil
  ) throws(ConnectionFailure) {
    _ = amqp_basic_qos(state, channel, 0, prefetch, 0)
    try check("limiting deliveries")
    let arguments: FieldTable
    switch offset {
    case nil: arguments = FieldTable([])
    case .next: arguments = FieldTable([("x-stream-offset", .text("next"))])
    case .at(let number): arguments = FieldTable([("x-stream-offset", .integer(number))])
    }
    try withBytes(of: queue) { name throws(ConnectionFailure) in
      // Acknowledged one by one, and not exclusive.
      _ = amqp_basic_consume(state, channel, name, .none, 0, 0, 0, arguments.table)
      try check("consuming a queue")
    }
    withExtendedLifetime(arguments) {}
    // RabbitMQ says that a stream's consumer is there before it is. It works on one request of a
    // channel after the other: once this one is answered, the reader has its place.
    _ = amqp_basic_qos(state, channel, 0, prefetch, 0)
    try check("limiting deliveries")
  }

  /// Deliveries are done with: this one, or all of the channel up to it.
  func acknowledge(
    _ tag: UInt64, on channel: UInt16, multiple: Bool
  ) throws(ConnectionFailure) {
    let status = amqp_basic_ack(state, channel, tag, multiple ? 1 : 0)
    if let failure = ConnectionFailure(status: status, "acknowledging") { throw failure }
  }

  /// A delivery can't be worked on: it is put aside for ever, or comes again.
  func refuse(
    _ tag: UInt64, on channel: UInt16, requeue: Bool
  ) throws(ConnectionFailure) {
    let status = amqp_basic_nack(state, channel, tag, 0, requeue ? 1 : 0)
    if let failure = ConnectionFailure(status: status, "refusing a delivery") { throw failure }
  }
}

/// Where a consumer of a stream starts.
enum StreamOffset {
  /// At the end: the next message to come.
  case next
  /// At this message, or as near to it as there is one.
  case at(Int64)
}
