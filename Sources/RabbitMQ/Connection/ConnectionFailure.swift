import CRabbitMQ

/// Why a connection is of no use any more: a new one starts from a state that is known.
struct ConnectionFailure: Error, Equatable {
  /// For operators; may name hosts and queues, never passwords, keys or values.
  let cause: String
  /// The broker has closed one channel, and the connection could go on without it.
  let isOfChannel: Bool

  init(_ cause: String) {
    self.cause = cause
    isOfChannel = false
  }

  /// A status of the C library, unless it is `AMQP_STATUS_OK`.
  init?(status: Int32, _ what: String) {
    if status >= 0 { return nil }
    isOfChannel = false
    cause = "\(what): \(String(cString: amqp_error_string2(status)))"
  }

  /// An answer of the broker, unless it is the one that was asked for.
  init?(reply: amqp_rpc_reply_t, _ what: String) {
    isOfChannel =
      reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == Method.channelClose
    switch reply.reply_type {
    case AMQP_RESPONSE_NORMAL: return nil
    case AMQP_RESPONSE_SERVER_EXCEPTION:
      cause = "\(what): \(ConnectionFailure.reason(of: reply.reply))"
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
      cause = "\(what): \(String(cString: amqp_error_string2(reply.library_error)))"
    default: cause = "\(what): the broker has closed the connection"
    }
  }

  /// What a broker says when it closes a channel or a connection.
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
