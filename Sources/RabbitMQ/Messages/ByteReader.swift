import KeyValueStore

/// Reads the layout of `ChangeMessage`. Every method returns nil when the bytes are damaged, and
/// reserves no memory that the bytes do not account for.
struct ByteReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  func peekByte() -> UInt8? { isAtEnd ? nil : bytes[position] }

  mutating func readByte() -> UInt8? {
    guard !isAtEnd else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func readNumber() -> Int64? {
    guard bytes.count - position >= 8 else { return nil }
    defer { position += 8 }
    return bytes.withUnsafeBytes {
      Int64(bigEndian: $0.loadUnaligned(fromByteOffset: position, as: Int64.self))
    }
  }

  mutating func readText() -> [UInt8]? {
    guard bytes.count - position >= 4 else { return nil }
    let count = bytes.withUnsafeBytes {
      Int(UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
    }
    guard bytes.count - position - 4 >= count else { return nil }
    defer { position += 4 + count }
    return Array(bytes[(position + 4)..<(position + 4 + count)])
  }

  mutating func readChange() -> Change? {
    guard let kind = readByte(), let text = readText(), let key = try? Key(validating: text),
      let number = readNumber()
    else { return nil }
    let revision = Revision(number)
    switch kind {
    case ChangeMessage.Layout.delete: return Change(key: key, revision: revision, kind: .delete)
    case ChangeMessage.Layout.expire: return Change(key: key, revision: revision, kind: .expire)
    case ChangeMessage.Layout.put, ChangeMessage.Layout.putWithExpiry:
      guard let version = readNumber(), let size = readNumber().flatMap({ Int(exactly: $0) }),
        let type = readText().flatMap({ String(validating: $0, as: UTF8.self) }),
        let createdAt = readNumber(), let updatedAt = readNumber()
      else { return nil }
      var expiresAt: Timestamp?
      if kind == ChangeMessage.Layout.putWithExpiry {
        guard let time = readNumber() else { return nil }
        expiresAt = Timestamp(microseconds: time)
      }
      let metadata = Metadata(
        key: key, revision: revision, version: version, size: size, contentType: type,
        createdAt: Timestamp(microseconds: createdAt),
        updatedAt: Timestamp(microseconds: updatedAt), expiresAt: expiresAt)
      return Change(key: key, revision: revision, kind: .put(metadata))
    default: return nil
    }
  }
}
