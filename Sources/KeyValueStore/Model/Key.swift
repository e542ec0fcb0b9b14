/// The name of an entry: 1 to 1,024 bytes of UTF-8 without control characters.
///
/// Keys compare byte by byte, which is the order in which they are listed.
public struct Key: Hashable, Sendable {
  /// The longest key, in bytes.
  public static let bytesMax = 1_024

  public let bytes: [UInt8]

  /// Why bytes are not a key.
  public enum Invalid: Error, Equatable {
    case empty
    case tooLong
    case notUTF8
    /// U+0000–U+001F or U+007F.
    case controlCharacter
  }

  /// Checks `bytes`, after percent-decoding.
  public init(validating bytes: [UInt8]) throws(Invalid) {
    if bytes.isEmpty { throw .empty }
    if bytes.count > Key.bytesMax { throw .tooLong }
    var isASCII = true
    for byte in bytes {
      if byte < 0x20 || byte == 0x7F { throw .controlCharacter }
      if byte >= 0x80 { isASCII = false }
    }
    if !isASCII, String(validating: bytes, as: UTF8.self) == nil { throw .notUTF8 }
    self.bytes = bytes
  }

  /// Takes the bytes of a key that was checked before: from a database, a cache or a queue.
  public init(trusted bytes: [UInt8]) { self.bytes = bytes }

  /// The key as text, for documents; never for a log at info or above.
  public var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Key {
  /// Combines eight bytes at a time. Combining single bytes, as arrays do, takes four times as
  /// long, and every cached read hashes its key.
  public func hash(into hasher: inout Hasher) {
    var word: UInt64 = 0
    var count = 0
    for byte in bytes {
      word = word << 8 | UInt64(byte)
      count += 1
      if count & 7 == 0 {
        hasher.combine(word)
        word = 0
      }
    }
    hasher.combine(word)
    hasher.combine(count)
  }
}

extension Key: Comparable {
  /// Byte order, as SQLite's BLOB and PostgreSQL's BYTEA compare.
  public static func < (left: Key, right: Key) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}
