/// Reads an array of bytes from front to back, for the layouts that this system stores and sends.
///
/// Every method returns nil where the bytes end too early, and then has read nothing.
package struct ByteReader {
  @usableFromInline let bytes: [UInt8]
  @usableFromInline var position = 0

  @inlinable
  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  @inlinable
  package var isAtEnd: Bool { position == bytes.count }

  /// The next byte, which stays unread.
  @inlinable
  package func peekByte() -> UInt8? { isAtEnd ? nil : bytes[position] }

  @inlinable
  package mutating func readByte() -> UInt8? {
    guard !isAtEnd else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  /// The next `count` bytes; `count` may be any number that damaged bytes hold.
  @inlinable
  package mutating func readBytes(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= bytes.count - position else { return nil }
    defer { position += count }
    return bytes[position..<position + count]
  }
}
