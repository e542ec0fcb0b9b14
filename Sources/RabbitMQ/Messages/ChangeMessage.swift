import KeyValueStore

/// What a message of the change stream carries.
enum ChangeMessage: Equatable, Sendable {
  /// Changes, in order.
  case changes([Change])
  /// Nothing but a name: whoever sent it sees by it where the stream ends.
  case marker(UInt64)
  /// Nothing that we could read. It still has its place in the stream.
  case unreadable

  /// A message ends before a change that would make it longer than this.
  static let bytesMax = 64 << 10

  /// How many positions of the stream it takes.
  var changes: [Change] {
    if case .changes(let changes) = self { changes } else { [] }
  }

  /// The body of a message without changes.
  static func encode(marker: UInt64) -> [UInt8] {
    var writer = ByteWriter(bytes: [Layout.version, Layout.marker])
    writer.add(Int64(bitPattern: marker))
    return writer.bytes
  }

  /// Reads a body, whoever has sent it.
  init(decoding body: [UInt8]) {
    var reader = ByteReader(body)
    guard reader.readByte() == Layout.version else {
      self = .unreadable
      return
    }
    if reader.peekByte() == Layout.marker {
      _ = reader.readByte()
      self = reader.readNumber().map { .marker(UInt64(bitPattern: $0)) } ?? .unreadable
      return
    }
    var changes: [Change] = []
    while !reader.isAtEnd {
      guard let change = reader.readChange() else {
        self = .unreadable
        return
      }
      changes.append(change)
    }
    self = .changes(changes)
  }

  /// Version, and then either a marker's number or changes to the end. Numbers are big-endian; a
  /// text is led by its length.
  enum Layout {
    static let version: UInt8 = 1
    static let marker: UInt8 = 0
    static let put: UInt8 = 1
    static let putWithExpiry: UInt8 = 2
    static let delete: UInt8 = 3
    static let expire: UInt8 = 4
  }
}
