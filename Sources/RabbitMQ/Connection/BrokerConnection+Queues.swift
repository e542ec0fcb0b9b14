import CRabbitMQ

extension BrokerConnection {
  /// Makes sure that the queues for writes are there, as they must be. Several processes may do so
  /// at once.
  ///
  /// A queue of that name which is another kind of queue is an error: nothing that is promised of
  /// it would hold. One of an earlier version is used as it is.
  @discardableResult
  func declareWriteQueues(on channel: UInt16) throws(ConnectionFailure) -> Redelivery {
    try declare(
      configuration.deadLetterQueue, on: channel,
      arguments: [("x-queue-type", .text("quorum"))])
    do throws(ConnectionFailure) {
      try declareWrites(on: channel, .unlimited)
      return .unlimited
    } catch {
      guard error.isOfChannel, error.cause.contains("'x-delivery-limit'") else { throw error }
      try agreeToClosing(channel)
      try openChannel(channel)
      try declareWrites(on: channel, .limited)
      return .limited
    }
  }

  /// How often a queue delivers a message that comes back before it puts it aside.
  enum Redelivery: Int64 {
    /// As often as it takes: a lost connection, a worker that ends and RabbitMQ's own
    /// `consumer_timeout` all count as a delivery, so that the count says nothing of the message.
    /// Said as a number, as RabbitMQ has a limit of 20 of its own from 4.0 on, and knows -1 from
    /// there on only.
    case unlimited = 2_147_483_647
    /// As release 0.1 declared it.
    case limited = 50
  }

  /// Makes sure that the queue itself is there.
  func declareWrites(
    on channel: UInt16, _ redelivery: Redelivery
  ) throws(ConnectionFailure) {
    try declare(
      configuration.writesQueue, on: channel,
      arguments: [
        ("x-queue-type", .text("quorum")),
        ("x-delivery-limit", .integer(redelivery.rawValue)),
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

  /// Makes sure that a durable queue is there.
  func declare(
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

  /// Makes a queue that goes with this connection. The others of its cluster know it, too, but may
  /// not use it.
  func declareExclusive(_ name: String, on channel: UInt16) throws(ConnectionFailure) {
    try withBytes(of: name) { name throws(ConnectionFailure) in
      _ = amqp_queue_declare(state, channel, name, 0, 0, 1, 0, .none)
      try check("declaring a queue")
    }
  }

  /// Whether there is a queue of this name, of whatever kind and whoever may use it.
  func hasQueue(_ queue: String, on channel: UInt16) throws(ConnectionFailure) -> Bool {
    do throws(ConnectionFailure) {
      _ = try messagesReady(in: queue, on: channel)
      return true
    } catch {
      guard error.isOfChannel else { throw error }
      try agreeToClosing(channel)
      try openChannel(channel)
      return !error.cause.contains("NOT_FOUND")
    }
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
    // The library would keep what is delivered before the answer to another request, all of it.
    guard offset != nil else { return }
    // RabbitMQ says that a stream's consumer is there before it is. It works on one request of a
    // channel after the other: once this one is answered, the reader has its place.
    _ = amqp_basic_qos(state, channel, 0, prefetch, 0)
    try check("limiting deliveries")
  }

  /// Asks a channel something, to see whether it still works on what it is told: `nextEvent` has
  /// its answer. Sets the limit for consumers to come, of which there is none.
  func ask(_ channel: UInt16, prefetch: UInt16) throws(ConnectionFailure) {
    var limit = amqp_basic_qos_t(prefetch_size: 0, prefetch_count: prefetch, global: 0)
    let status = amqp_send_method(state, channel, Method.basicLimit, &limit)
    if let failure = ConnectionFailure(status: status, "asking a channel") { throw failure }
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
