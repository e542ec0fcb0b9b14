import CRabbitMQ
import Foundation

extension BrokerConnection {
  /// What the broker has said since, one thing at a time; nil: nothing more for now. Never waits.
  ///
  /// Sends heartbeats and notices when the broker's stay away, so it must be called at least a few
  /// times in the span of one: the library does nothing by itself.
  func nextEvent() throws(ConnectionFailure) -> BrokerEvent? {
    while true {
      var frame = amqp_frame_t()
      var now = timeval(tv_sec: 0, tv_usec: 0)
      let status = amqp_simple_wait_frame_noblock(state, &frame, &now)
      if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
      if let failure = ConnectionFailure(status: status, "reading") { throw failure }
      let event = try event(of: frame)
      // Everything has been copied out of the frame. Released only when no other frame of the
      // channel is kept back, so that nothing of a request's answer is lost.
      amqp_maybe_release_buffers_on_channel(state, frame.channel)
      if let event { return event }
    }
  }

  private func event(of frame: amqp_frame_t) throws(ConnectionFailure) -> BrokerEvent? {
    switch Int32(frame.frame_type) {
    case AMQP_FRAME_METHOD:
      return try event(of: frame.payload.method, on: frame.channel)
    case AMQP_FRAME_HEADER:
      let header = frame.payload.properties
      guard let decoded = header.decoded else { return nil }
      let properties = decoded.assumingMemoryBound(to: amqp_basic_properties_t.self)
      return assembly.add(
        header: ReceivedMessage(properties), bodyBytes: header.body_size, on: frame.channel)
    case AMQP_FRAME_BODY:
      return try assembly.add(
        body: UnsafeRawBufferPointer(frame.payload.body_fragment), on: frame.channel)
    default:
      return nil
    }
  }

  private func event(
    of method: amqp_method_t, on channel: UInt16
  ) throws(ConnectionFailure) -> BrokerEvent? {
    guard let decoded = method.decoded else { return nil }
    switch method.id {
    case Method.basicAcknowledge:
      let confirm = decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
      return .confirmed(
        Confirm(
          channel: channel, tag: confirm.delivery_tag, isMultiple: confirm.multiple != 0,
          isPositive: true))
    case Method.basicNegative:
      let confirm = decoded.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee
      return .confirmed(
        Confirm(
          channel: channel, tag: confirm.delivery_tag, isMultiple: confirm.multiple != 0,
          isPositive: false))
    case Method.basicDeliver:
      let deliver = decoded.assumingMemoryBound(to: amqp_basic_deliver_t.self).pointee
      assembly.begin(.deliver(tag: deliver.delivery_tag), on: channel)
      return nil
    case Method.basicReturn:
      let returned = decoded.assumingMemoryBound(to: amqp_basic_return_t.self).pointee
      let text = String(decoding: UnsafeRawBufferPointer(returned.reply_text), as: UTF8.self)
      assembly.begin(.returned(reason: "\(returned.reply_code) \(text)"), on: channel)
      return nil
    case Method.connectionBlocked:
      let blocked = decoded.assumingMemoryBound(to: amqp_connection_blocked_t.self).pointee
      return .blocked(
        reason: String(decoding: UnsafeRawBufferPointer(blocked.reason), as: UTF8.self))
    case Method.basicLimited:
      return .answered(channel: channel)
    case Method.connectionUnblocked:
      return .unblocked
    case Method.channelClose, Method.connectionClose:
      throw ConnectionFailure("closed by the broker: \(ConnectionFailure.reason(of: method))")
    case Method.basicCancel:
      // Its queue was deleted, or lost its leader.
      throw ConnectionFailure("the broker has cancelled a consumer")
    default:
      return nil
    }
  }
}

extension ReceivedMessage {
  /// Copies what we know of a header out of the library's memory.
  fileprivate init(_ properties: UnsafePointer<amqp_basic_properties_t>) {
    let flags = properties.pointee._flags
    if flags & amqp_flags_t(AMQP_BASIC_MESSAGE_ID_FLAG) != 0 {
      id = properties.pointee.message_id.array
    }
    guard flags & amqp_flags_t(AMQP_BASIC_HEADERS_FLAG) != 0 else { return }
    let table = properties.pointee.headers
    for entry in UnsafeBufferPointer(start: table.entries, count: Int(table.num_entries)) {
      guard let name = MessageHeader(name: UnsafeRawBufferPointer(entry.key)) else { continue }
      headers.append((name, Value(entry.value)))
    }
  }
}

extension ReceivedMessage.Value {
  /// The kinds are those that RabbitMQ sends (https://www.rabbitmq.com/amqp-0-9-1-errata.html §3).
  fileprivate init(_ field: amqp_field_value_t) {
    switch field.kind {
    case UInt8(ascii: "l"), UInt8(ascii: "T"): self = .integer(field.value.i64)
    case UInt8(ascii: "I"): self = .integer(Int64(field.value.i32))
    case UInt8(ascii: "i"): self = .integer(Int64(field.value.u32))
    case UInt8(ascii: "s"): self = .integer(Int64(field.value.i16))
    case UInt8(ascii: "u"): self = .integer(Int64(field.value.u16))
    case UInt8(ascii: "b"): self = .integer(Int64(field.value.i8))
    case UInt8(ascii: "B"): self = .integer(Int64(field.value.u8))
    case UInt8(ascii: "S"), UInt8(ascii: "x"): self = .bytes(field.value.bytes.array)
    default: self = .other
    }
  }
}
