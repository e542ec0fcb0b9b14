/// The name of an entry: 1 to 1,024 bytes of UTF-8 without control characters.
///
/// Keys compare byte by byte, which is the order in which they are listed.
public struct Key: Hashable, Sendable {
  /// The longest key, in bytes.
  public static let bytesMax = 1_024

  /// The key's UTF-8.
  public let bytes: [UInt8]

  /// Why bytes are not a key.
  public enum Invalid: Error, Equatable {
    /// No byte at all.
    case empty
    /// More than `Key.bytesMax` bytes.
    case tooLong
    /// Not UTF-8.
    case notUTF8
    /// U+0000–U+001F or U+007F.
    case controlCharacter
  }

  /// Checks `bytes`, which have been percent-decoded already.
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

  /// Takes bytes that were a key before: read back from a database, a cache or a queue.
  public init(trusted bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// The key as text, for documents; never for a log at info or above.
  public var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Key {
  /// Feeds eight bytes at a time: byte by byte, as arrays do it, takes four times as long, and
  /// every cached read hashes its key.
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
