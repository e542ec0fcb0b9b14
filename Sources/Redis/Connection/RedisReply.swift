internal import CRedis

/// A copy of a reply of Redis: hiredis frees its own after the callback.
enum RedisReply: Equatable, Sendable {
  case none
  case integer(Int64)
  case string([UInt8])
  case error(String)
  case array([RedisReply])

  init(copying reply: UnsafeMutablePointer<redisReply>) {
    switch reply.pointee.type {
    case REDIS_REPLY_STRING, REDIS_REPLY_STATUS:
      self = .string([UInt8](RedisReply.bytes(of: reply)))
    case REDIS_REPLY_INTEGER: self = .integer(reply.pointee.integer)
    case REDIS_REPLY_ERROR:
      self = .error(String(decoding: RedisReply.bytes(of: reply), as: UTF8.self))
    case REDIS_REPLY_ARRAY:
      self = .array(
        (0..<reply.pointee.elements).map { index in
          reply.pointee.element[index].map { RedisReply(copying: $0) } ?? .none
        })
    default: self = .none
    }
  }

  /// The bytes of a string. They are valid until hiredis frees the reply.
  static func bytes(of reply: UnsafeMutablePointer<redisReply>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: reply.pointee.str, count: reply.pointee.len)
  }

  /// A string as text; nil for anything else.
  var text: String? {
    if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
  }

  /// The elements of an array; none for anything else.
  var elements: [RedisReply] {
    if case .array(let elements) = self { elements } else { [] }
  }

  /// The value of a line `name:value` in the reply to INFO.
  func field(_ name: String) -> String? {
    guard let text else { return nil }
    let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }
    return line.map { String($0.dropFirst(name.count + 1)) }
  }
}
