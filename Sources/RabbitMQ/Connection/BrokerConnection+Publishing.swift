import CRabbitMQ

extension BrokerConnection {
  /// Sends a message, persistent and with its confirm to come, straight into a queue.
  ///
  /// May block while the system's buffer is full, until the broker counts as dead: see
  /// `hasRoomToSend`.
  func publish(
    _ message: OutgoingMessage, to queue: String, on channel: UInt16
  ) throws(ConnectionFailure) {
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
    if let failure = ConnectionFailure(status: status, "publishing") { throw failure }
  }

  private func send(
    _ properties: inout amqp_basic_properties_t, _ body: UnsafeRawBufferPointer, to queue: String,
    on channel: UInt16
  ) -> Int32 {
    var queue = queue
    return queue.withUTF8 { name in
      // Into the default exchange, which hands it to the queue of that name; mandatory, so that it
      // comes back should there be none.
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
