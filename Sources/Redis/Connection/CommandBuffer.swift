internal import Basics
internal import KeyValueStore

/// Puts commands together in Redis' protocol, one after the other in the same memory.
struct CommandBuffer {
  private(set) var bytes: [UInt8] = []

  /// Memory beyond this is freed before the next command.
  private static let bytesKeptMax = 256 << 10

  init() { bytes.reserveCapacity(4_096) }

  mutating func begin() {
    bytes.removeAll(keepingCapacity: bytes.capacity <= Self.bytesKeptMax)
  }

  /// Appends what is in the protocol's form already.
  mutating func append(raw: [UInt8]) { bytes.append(contentsOf: raw) }

  mutating func append(arrayOf count: Int) { append(header: UInt8(ascii: "*"), count) }

  mutating func append(_ string: [UInt8]) {
    append(header: UInt8(ascii: "$"), string.count)
    bytes.append(contentsOf: string)
    appendLineEnd()
  }

  mutating func append(_ string: String) { append(Array(string.utf8)) }

  /// Appends one string of two parts.
  mutating func append(_ prefix: [UInt8], _ rest: [UInt8]) {
    append(header: UInt8(ascii: "$"), prefix.count + rest.count)
    bytes.append(contentsOf: prefix)
    bytes.append(contentsOf: rest)
    appendLineEnd()
  }

  mutating func append(_ payload: EntryPayload) {
    let count = payload.count
    append(header: UInt8(ascii: "$"), count)
    bytes.reserveCapacity(bytes.count + count + 256)
    payload.write(to: &bytes)
    appendLineEnd()
  }

  /// The command of these words.
  static func command(_ words: [String]) -> [UInt8] {
    var buffer = CommandBuffer()
    buffer.append(arrayOf: words.count)
    for word in words { buffer.append(word) }
    return buffer.bytes
  }

  /// These words, as part of a command.
  static func words(_ words: [String]) -> [UInt8] {
    var buffer = CommandBuffer()
    for word in words { buffer.append(word) }
    return buffer.bytes
  }

  private mutating func append(header: UInt8, _ count: Int) {
    bytes.append(header)
    bytes.append(decimal: Int64(count))
    appendLineEnd()
  }

  private mutating func appendLineEnd() {
    bytes.append(UInt8(ascii: "\r"))
    bytes.append(UInt8(ascii: "\n"))
  }
}
