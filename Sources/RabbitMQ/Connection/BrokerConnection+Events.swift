import CRabbitMQ
import Foundation

extension BrokerConnection {
  /// The next event that the broker has sent; nil: there is none now. Never waits.
  ///
  /// Also sends heartbeats and notices when the broker's are missing: the library does nothing on
  /// its own, so this must be called a few times in each heartbeat interval.
  func nextEvent() throws(BrokerFailure) -> BrokerEvent? {
    while true {
      var frame = amqp_frame_t()
      var now = timeval(tv_sec: 0, tv_usec: 0)
      let status = amqp_simple_wait_frame_noblock(state, &frame, &now)
      if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
      if let failure = BrokerFailure(status: status, "reading") { throw failure }
      let event = try event(of: frame)
      // The event is a copy. The library releases the memory only if it holds no other frame of the
      // channel, so that no part of the answer to a request is lost.
      amqp_maybe_release_buffers_on_channel(state, frame.channel)
      if let event { return event }
    }
  }

  private func event(of frame: amqp_frame_t) throws(BrokerFailure) -> BrokerEvent? {
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
  ) throws(BrokerFailure) -> BrokerEvent? {
    guard let decoded = method.decoded else { return nil }
    switch method.id {
    case Method.basicAck:
      let confirm = decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
      return .confirmed(
        Confirm(
          channel: channel, tag: confirm.delivery_tag, isMultiple: confirm.multiple != 0,
          isPositive: true))
    case Method.basicNack:
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
    case Method.basicQoSOK:
      return .answered(channel: channel)
    case Method.connectionUnblocked:
      return .unblocked
    case Method.channelClose, Method.connectionClose:
      throw BrokerFailure("closed by the broker: \(BrokerFailure.reason(of: method))")
    case Method.basicCancel:
      // Its queue was deleted, or lost its leader.
      throw BrokerFailure("the broker has cancelled a consumer")
    default:
      return nil
    }
  }
}

extension ReceivedMessage {
  /// Copies the known properties of a message out of the library's memory.
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
  /// The kinds that RabbitMQ sends (https://www.rabbitmq.com/amqp-0-9-1-errata.html §3).
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

/// What a broker sends without being asked.
enum BrokerEvent {
  /// The broker has taken responsibility for messages, or has refused it.
  case confirmed(Confirm)
  /// No queue took a message. Its confirm follows.
  case returned(id: [UInt8], reason: String)
  /// The answer to `ask`.
  case answered(channel: UInt16)
  case delivered(BrokerDelivery)
  /// The broker takes no messages for now, for lack of memory or disk.
  case blocked(reason: String)
  /// The broker takes messages again.
  case unblocked
}

/// A publisher confirm.
struct Confirm: Equatable, Sendable {
  let channel: UInt16
  let tag: UInt64
  /// Whether it is for all messages up to `tag`.
  let isMultiple: Bool
  /// False: the broker has refused responsibility.
  let isPositive: Bool
}

/// A message for a consumer, and its number on the channel.
struct BrokerDelivery {
  let channel: UInt16
  let tag: UInt64
  let message: ReceivedMessage
}

/// Assembles messages from their frames: a method, a header and the pieces of the body. Frames of
/// several channels may alternate.
struct ContentAssembly {
  /// The method that begins a message.
  enum Opening {
    case deliver(tag: UInt64)
    case returned(reason: String)
  }

  private struct Content {
    let channel: UInt16
    let opening: Opening
    var message = ReceivedMessage()
    var bytesMissing: UInt64?
  }

  /// The incomplete messages: rarely more than one.
  private var contents: [Content] = []

  mutating func begin(_ opening: Opening, on channel: UInt16) {
    // Drops what a closed channel has left incomplete.
    contents.removeAll { $0.channel == channel }
    contents.append(Content(channel: channel, opening: opening))
  }

  /// Adds the header. Returns the message if it has no body.
  mutating func add(
    header message: ReceivedMessage, bodyBytes: UInt64, on channel: UInt16
  ) -> BrokerEvent? {
    guard let index = index(of: channel) else { return nil }
    contents[index].message = message
    contents[index].bytesMissing = bodyBytes
    // No more memory than a usual message takes is reserved on the broker's word.
    contents[index].message.body.reserveCapacity(Int(min(bodyBytes, 2 << 20)))
    return finish(index)
  }

  /// Adds a piece of the body. Returns the message if it is complete.
  mutating func add(
    body: UnsafeRawBufferPointer, on channel: UInt16
  ) throws(BrokerFailure) -> BrokerEvent? {
    guard let index = index(of: channel) else { return nil }
    guard let missing = contents[index].bytesMissing, missing >= body.count else {
      throw BrokerFailure("the broker sent a message in the wrong order")
    }
    contents[index].message.body.append(contentsOf: body)
    contents[index].bytesMissing = missing - UInt64(body.count)
    return finish(index)
  }

  private func index(of channel: UInt16) -> Int? {
    contents.firstIndex { $0.channel == channel }
  }

  private mutating func finish(_ index: Int) -> BrokerEvent? {
    guard contents[index].bytesMissing == 0 else { return nil }
    let content = contents.remove(at: index)
    switch content.opening {
    case .deliver(let tag):
      return .delivered(
        BrokerDelivery(channel: content.channel, tag: tag, message: content.message))
    case .returned(let reason):
      return .returned(id: content.message.id, reason: reason)
    }
  }
}
