/// A message as a broker gave it, copied out of the C library's memory.
struct ReceivedMessage: Equatable, Sendable {
  /// A header's value; what is neither a whole number nor bytes means nothing to us.
  enum Value: Equatable, Sendable {
    case integer(Int64)
    case bytes([UInt8])
    case other
  }

  /// The message's id; empty when it has none.
  var id: [UInt8] = []
  /// The headers that we know; the first of a name counts.
  var headers: [(name: MessageHeader, value: Value)] = []
  /// What the message carries.
  var body: [UInt8] = []

  /// What it takes in memory, roughly.
  var bytes: Int {
    headers.reduce(512 + id.count + body.count) { sum, header in
      if case .bytes(let bytes) = header.value { sum + bytes.count } else { sum }
    }
  }

  subscript(name: MessageHeader) -> Value? {
    headers.first { $0.name == name }?.value
  }

  func integer(_ name: MessageHeader) -> Int64? {
    guard case .integer(let number) = self[name] else { return nil }
    return number
  }

  func bytes(_ name: MessageHeader) -> [UInt8]? {
    guard case .bytes(let bytes) = self[name] else { return nil }
    return bytes
  }

  static func == (left: ReceivedMessage, right: ReceivedMessage) -> Bool {
    left.id == right.id && left.body == right.body
      && left.headers.elementsEqual(right.headers) { $0.name == $1.name && $0.value == $1.value }
  }
}
