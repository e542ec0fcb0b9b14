import CRabbitMQ

extension BrokerConnection {
  /// Declares the queues for writes. Several processes may do so at once.
  ///
  /// Fails if a queue of that name exists with other arguments, as it would not keep what is
  /// promised. But a queue with the delivery limit of an earlier version is used as it is.
  @discardableResult
  func declareWriteQueues(on channel: UInt16) throws(BrokerFailure) -> DeliveryLimit {
    try declare(
      configuration.deadLetterQueue, on: channel,
      arguments: [("x-queue-type", .text("quorum"))])
    do throws(BrokerFailure) {
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
  enum DeliveryLimit: Int64 {
    /// As often as it takes: a lost connection, a worker that ends and RabbitMQ's own
    /// `consumer_timeout` all count as a delivery, so the count says nothing about the message.
    /// Declared as a number, because RabbitMQ has a default limit of 20 from 4.0 on, and knows -1
    /// only from there on.
    case unlimited = 2_147_483_647
    /// As release 0.3 declared it.
    case limited = 50
  }

  func declareWrites(
    on channel: UInt16, _ deliveryLimit: DeliveryLimit
  ) throws(BrokerFailure) {
    try declare(
      configuration.writesQueue, on: channel,
      arguments: [
        ("x-queue-type", .text("quorum")),
        ("x-delivery-limit", .integer(deliveryLimit.rawValue)),
        // A write that is put aside must not be lost on its way to the dead-letter queue.
        ("x-dead-letter-strategy", .text("at-least-once")),
        ("x-overflow", .text("reject-publish")),
        ("x-dead-letter-exchange", .text("")),
        ("x-dead-letter-routing-key", .text(configuration.deadLetterQueue)),
      ])
  }

  /// Declares the stream of changes.
  func declareChanges(on channel: UInt16) throws(BrokerFailure) {
    try declare(
      configuration.changesStream, on: channel,
      arguments: [
        ("x-queue-type", .text("stream")),
        ("x-max-age", .text("\(configuration.changesKept.components.seconds)s")),
        ("x-max-length-bytes", .integer(configuration.changeBytesKept)),
        ("x-stream-max-segment-size-bytes", .integer(configuration.changeSegmentBytes)),
      ])
  }

  /// Declares a durable queue.
  func declare(
    _ name: String, on channel: UInt16, arguments: [(name: StaticString, value: FieldTable.Value)]
  ) throws(BrokerFailure) {
    let table = FieldTable(arguments)
    try withBytes(of: name) { name throws(BrokerFailure) in
      // Neither passive, exclusive nor deleted when unused, but durable.
      _ = amqp_queue_declare(state, channel, name, 0, 1, 0, 0, table.table)
      try check("declaring a queue")
    }
    withExtendedLifetime(table) {}
  }

  /// Declares a queue that only this connection may use and that is deleted with it. All brokers of
  /// the cluster know of it.
  func declareExclusive(_ name: String, on channel: UInt16) throws(BrokerFailure) {
    try withBytes(of: name) { name throws(BrokerFailure) in
      _ = amqp_queue_declare(state, channel, name, 0, 0, 1, 0, .none)
      try check("declaring a queue")
    }
  }

  /// Whether a queue of this name exists, of any kind, even if another connection owns it.
  func hasQueue(_ queue: String, on channel: UInt16) throws(BrokerFailure) -> Bool {
    do throws(BrokerFailure) {
      _ = try messagesReady(in: queue, on: channel)
      return true
    } catch {
      guard error.isOfChannel else { throw error }
      try agreeToClosing(channel)
      try openChannel(channel)
      return !error.cause.contains("NOT_FOUND")
    }
  }

  /// How many messages of a queue are not delivered to a consumer.
  func messagesReady(in queue: String, on channel: UInt16) throws(BrokerFailure) -> Int {
    try withBytes(of: queue) { name throws(BrokerFailure) in
      let answer = amqp_queue_declare(state, channel, name, 1, 0, 0, 0, .none)
      guard let answer else {
        try check("looking at a queue")
        throw BrokerFailure("looking at a queue: no answer")
      }
      return Int(answer.pointee.message_count)
    }
  }

  /// Makes the broker confirm what is published on a channel.
  func confirm(on channel: UInt16) throws(BrokerFailure) {
    _ = amqp_confirm_select(state, channel)
    try check("asking for confirms")
  }

  /// Starts to consume a queue, with at most `prefetch` deliveries unacknowledged at a time.
  /// - Parameter offset: where to start in a stream.
  func consume(
    _ queue: String, on channel: UInt16, prefetch: UInt16, from offset: StreamOffset? = nil
  ) throws(BrokerFailure) {
    _ = amqp_basic_qos(state, channel, 0, prefetch, 0)
    try check("limiting deliveries")
    let arguments: FieldTable
    switch offset {
    case nil: arguments = FieldTable([])
    case .next: arguments = FieldTable([("x-stream-offset", .text("next"))])
    case .at(let number): arguments = FieldTable([("x-stream-offset", .integer(number))])
    }
    try withBytes(of: queue) { name throws(BrokerFailure) in
      // Acknowledged one by one, and not exclusive.
      _ = amqp_basic_consume(state, channel, name, .none, 0, 0, 0, arguments.table)
      try check("consuming a queue")
    }
    withExtendedLifetime(arguments) {}
    // Only for a stream: the library would buffer everything that a queue delivers before the
    // answer to the request below.
    guard offset != nil else { return }
    // RabbitMQ answers before a stream's consumer has its place. It works on the requests of a
    // channel one after the other: once this one is answered, the consumer has its place.
    _ = amqp_basic_qos(state, channel, 0, prefetch, 0)
    try check("limiting deliveries")
  }

  /// Sends a request to see whether the channel still works; `nextEvent` returns the answer. The
  /// request sets the limit of later consumers, of which there are none.
  func ask(_ channel: UInt16, prefetch: UInt16) throws(BrokerFailure) {
    var limit = amqp_basic_qos_t(prefetch_size: 0, prefetch_count: prefetch, global: 0)
    let status = amqp_send_method(state, channel, Method.basicQoS, &limit)
    if let failure = BrokerFailure(status: status, "asking a channel") { throw failure }
  }

  /// Acknowledges a delivery, or all of the channel up to it.
  func acknowledge(
    _ tag: UInt64, on channel: UInt16, multiple: Bool
  ) throws(BrokerFailure) {
    let status = amqp_basic_ack(state, channel, tag, multiple ? 1 : 0)
    if let failure = BrokerFailure(status: status, "acknowledging") { throw failure }
  }

  /// Rejects a delivery: the queue puts it aside.
  func reject(_ tag: UInt64, on channel: UInt16) throws(BrokerFailure) {
    // Neither several deliveries, nor back into the queue.
    let status = amqp_basic_nack(state, channel, tag, 0, 0)
    if let failure = BrokerFailure(status: status, "rejecting a delivery") { throw failure }
  }

  /// Sends a persistent message to a queue, to be confirmed.
  ///
  /// Blocks while the system's send buffer is full, until the broker counts as dead: see
  /// `hasRoomToSend`.
  func publish(
    _ message: OutgoingMessage, to queue: String, on channel: UInt16
  ) throws(BrokerFailure) {
    let status = message.packed.withUnsafeBytes { packed in
      message.body.withUnsafeBytes { body in
        withUnsafeTemporaryAllocation(
          of: amqp_table_entry_t.self, capacity: message.headers.count
        ) { entries in
          for (index, header) in message.headers.enumerated() {
            entries.initializeElement(at: index, to: entry(header, packed))
          }
          var properties = amqp_basic_properties_t()
          properties._flags = amqp_flags_t(AMQP_BASIC_DELIVERY_MODE_FLAG)
          properties.delivery_mode = UInt8(AMQP_DELIVERY_PERSISTENT.rawValue)
          if message.idLength > 0 {
            properties._flags |= amqp_flags_t(AMQP_BASIC_MESSAGE_ID_FLAG)
            properties.message_id = amqp_bytes_t(
              UnsafeRawBufferPointer(rebasing: packed[..<message.idLength]))
          }
          if !message.headers.isEmpty {
            properties._flags |= amqp_flags_t(AMQP_BASIC_HEADERS_FLAG)
            properties.headers = amqp_table_t(
              num_entries: Int32(entries.count), entries: entries.baseAddress)
          }
          return send(&properties, UnsafeRawBufferPointer(body), to: queue, on: channel)
        }
      }
    }
    if let failure = BrokerFailure(status: status, "publishing") { throw failure }
  }

  private func send(
    _ properties: inout amqp_basic_properties_t, _ body: UnsafeRawBufferPointer, to queue: String,
    on channel: UInt16
  ) -> Int32 {
    var queue = queue
    return queue.withUTF8 { name in
      // To the default exchange, which routes it to the queue of that name; mandatory, so that it
      // comes back if there is none.
      amqp_basic_publish(
        state, channel, .none, amqp_bytes_t(UnsafeRawBufferPointer(name)), 1, 0, &properties,
        amqp_bytes_t(body))
    }
  }

  private func entry(
    _ header: OutgoingMessage.Header, _ packed: UnsafeRawBufferPointer
  ) -> amqp_table_entry_t {
    var field = amqp_field_value_t()
    switch header.value {
    case .integer(let number):
      field.kind = UInt8(ascii: "l")
      field.value.i64 = number
    case .bytes(let range):
      field.kind = UInt8(ascii: "S")
      field.value.bytes = amqp_bytes_t(UnsafeRawBufferPointer(rebasing: packed[range]))
    }
    return amqp_table_entry_t(key: amqp_bytes_t(header.name.name), value: field)
  }
}

/// Where a consumer of a stream starts.
enum StreamOffset: Equatable {
  /// At the end: the next message to come.
  case next
  /// At this message, or at the nearest one that is kept.
  case at(Int64)
}
