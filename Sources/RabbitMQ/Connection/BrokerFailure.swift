import CRabbitMQ

/// Why a connection can't be used any more: a new one starts from a known state.
struct BrokerFailure: Error, Equatable {
  /// For operators; may name hosts and queues, never passwords, keys or values.
  let cause: String
  /// Whether the broker has closed only a channel, so that the connection can go on without it.
  let isOfChannel: Bool

  init(_ cause: String) {
    self.cause = cause
    isOfChannel = false
  }

  /// A status of the C library, unless it is `AMQP_STATUS_OK`.
  init?(status: Int32, _ action: String) {
    if status >= 0 { return nil }
    isOfChannel = false
    cause = "\(action): \(String(cString: amqp_error_string2(status)))"
  }

  /// The broker's answer to a request, unless the request succeeded.
  init?(reply: amqp_rpc_reply_t, _ action: String) {
    isOfChannel =
      reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == Method.channelClose
    switch reply.reply_type {
    case AMQP_RESPONSE_NORMAL: return nil
    case AMQP_RESPONSE_SERVER_EXCEPTION:
      cause = "\(action): \(BrokerFailure.reason(of: reply.reply))"
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
      cause = "\(action): \(String(cString: amqp_error_string2(reply.library_error)))"
    default: cause = "\(action): the broker has closed the connection"
    }
  }

  /// The reason that a broker gives when it closes a channel or a connection.
  static func reason(of method: amqp_method_t) -> String {
    guard let decoded = method.decoded else { return "method \(method.id)" }
    switch method.id {
    case Method.channelClose:
      let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
      return text(code: close.reply_code, close.reply_text)
    case Method.connectionClose:
      let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
      return text(code: close.reply_code, close.reply_text)
    default: return "method \(method.id)"
    }
  }

  private static func text(code: UInt16, _ text: amqp_bytes_t) -> String {
    "\(code) \(String(decoding: UnsafeRawBufferPointer(text), as: UTF8.self))"
  }
}

/// The methods that a broker sends on its own, and those that are sent without waiting for an
/// answer: class and number, as AMQP 0-9-1 assigns them.
enum Method {
  static let connectionClose: amqp_method_number_t = 0x000A_0032
  static let connectionBlocked: amqp_method_number_t = 0x000A_003C
  static let connectionUnblocked: amqp_method_number_t = 0x000A_003D
  static let channelClose: amqp_method_number_t = 0x0014_0028
  static let channelCloseOK: amqp_method_number_t = 0x0014_0029
  static let basicQoS: amqp_method_number_t = 0x003C_000A
  static let basicQoSOK: amqp_method_number_t = 0x003C_000B
  static let basicCancel: amqp_method_number_t = 0x003C_001E
  static let basicReturn: amqp_method_number_t = 0x003C_0032
  static let basicDeliver: amqp_method_number_t = 0x003C_003C
  static let basicAck: amqp_method_number_t = 0x003C_0050
  static let basicNack: amqp_method_number_t = 0x003C_0078
}
