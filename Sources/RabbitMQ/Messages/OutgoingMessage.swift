/// A message as a broker gets it, ready to be sent as often as it takes.
struct OutgoingMessage: Equatable, Sendable {
  /// A header's value: a number, or some of the `packed` bytes.
  enum Value: Equatable, Sendable {
    case integer(Int64)
    case bytes(Range<Int>)
  }

  /// One header.
  struct Header: Equatable, Sendable {
    let name: MessageHeader
    let value: Value
  }

  /// The message's id, which may be empty, and then all the texts of the headers.
  private(set) var packed: [UInt8]
  /// How many of `packed` are the id.
  let idLength: Int
  private(set) var headers: [Header] = []
  /// What the message carries.
  let body: [UInt8]

  init(id: some Collection<UInt8>, body: [UInt8], packedBytes: Int = 0) {
    packed = []
    packed.reserveCapacity(id.count + packedBytes)
    packed += id
    idLength = id.count
    self.body = body
  }

  /// What it takes on the wire, roughly.
  var bytes: Int { packed.count + body.count + 128 }

  /// The message's id.
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
