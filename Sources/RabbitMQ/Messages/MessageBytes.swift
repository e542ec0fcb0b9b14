// The bytes of messages: numbers, and texts behind their lengths.

/// Reads the contents of messages. Every method returns nil if the bytes are damaged, and reserves
/// no more memory than there are bytes.
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
}

/// Writes the contents of messages: numbers are big-endian, and a text follows its length.
struct ByteWriter {
  var bytes: [UInt8]

  mutating func add(_ number: Int64) {
    withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func add(_ text: some Collection<UInt8>) {
    withUnsafeBytes(of: UInt32(text.count).bigEndian) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: text)
  }
}
