/// A message as it is sent to a broker, as often as it takes.
struct OutgoingMessage: Equatable, Sendable {
  /// A header's value: a number, or some of the `packed` bytes.
  enum Value: Equatable, Sendable {
    case integer(Int64)
    case bytes(Range<Int>)
  }

  struct Header: Equatable, Sendable {
    let name: MessageHeader
    let value: Value
  }

  /// The message's id, which may be empty, followed by the texts of all headers.
  private(set) var packed: [UInt8]
  /// How many of `packed` are the id.
  let idLength: Int
  private(set) var headers: [Header] = []
  let body: [UInt8]

  init(id: some Collection<UInt8>, body: [UInt8], packedBytes: Int = 0) {
    packed = []
    packed.reserveCapacity(id.count + packedBytes)
    packed += id
    idLength = id.count
    self.body = body
  }

  /// What it takes when it is sent, roughly.
  var bytes: Int { packed.count + body.count + 128 }

  var id: ArraySlice<UInt8> { packed[..<idLength] }

  mutating func add(_ name: MessageHeader, _ number: Int64) {
    headers.append(Header(name: name, value: .integer(number)))
  }

  mutating func add(_ name: MessageHeader, _ text: some Sequence<UInt8>) {
    let start = packed.count
    packed.append(contentsOf: text)
    headers.append(Header(name: name, value: .bytes(start..<packed.count)))
  }
}

/// A message as a broker delivered it, copied out of the C library's memory.
struct ReceivedMessage: Equatable, Sendable {
  /// A header's value; `other` is neither a whole number nor bytes.
  enum Value: Equatable, Sendable {
    case integer(Int64)
    case bytes([UInt8])
    case other
  }

  /// Empty if the message has none.
  var id: [UInt8] = []
  /// The known headers; the first of each name counts.
  var headers: [(name: MessageHeader, value: Value)] = []
  var body: [UInt8] = []

  /// What a message takes in memory, roughly, even if it has no body; and so does a write.
  static let bytesBesidesBody = 512

  /// What it takes in memory, roughly.
  var bytes: Int {
    headers.reduce(ReceivedMessage.bytesBesidesBody + id.count + body.count) { sum, header in
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

/// The headers of messages that the system uses.
enum MessageHeader: UInt8, CaseIterable, Sendable {
  /// Version of the layout; messages of other versions are malformed.
  case version
  /// `put` or `delete`.
  case operation
  case key
  /// When the write was accepted, in µs since 1970.
  case acceptedAt
  case contentType
  /// Seconds from the acceptance.
  case timeToLive
  /// Identifies the commit in which the write may have taken effect before it was queued: a time in
  /// µs and a number.
  case attemptAt
  case attemptNumber
  /// `*`, or revisions with commas between them.
  case ifMatch
  case ifNoneMatch
  /// Set by the broker: how often a quorum queue has delivered this before; absent at first.
  case deliveryCount
  /// Set by the broker: the offset of a message in its stream.
  case streamOffset

  /// The name in the message; static, so that C may point to it.
  var name: StaticString {
    switch self {
    case .version: "version"
    case .operation: "operation"
    case .key: "key"
    case .acceptedAt: "accepted-at"
    case .contentType: "content-type"
    case .timeToLive: "ttl"
    case .attemptAt: "attempt-at"
    case .attemptNumber: "attempt-number"
    case .ifMatch: "if-match"
    case .ifNoneMatch: "if-none-match"
    case .deliveryCount: "x-delivery-count"
    case .streamOffset: "x-stream-offset"
    }
  }

  /// Nil: not a header that the system uses.
  init?(name: UnsafeRawBufferPointer) {
    let found = MessageHeader.allCases.first { header in
      header.name.withUTF8Buffer { $0.elementsEqual(name) }
    }
    guard let found else { return nil }
    self = found
  }
}
