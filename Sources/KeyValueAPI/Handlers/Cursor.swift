import KeyValueStore

/// The end of a page, as an opaque text that only the listing it comes from takes back.
enum Cursor {
  private static let version: UInt8 = 1

  /// The text for the last key of a page.
  static func text(after key: Key, prefix: [UInt8]) -> [UInt8] {
    Base64.encodeForURL([version] + check(key.bytes, prefix) + key.bytes)
  }

  /// The key; nil if the text was not made by `text` for the same prefix.
  static func key(_ text: [UInt8], prefix: [UInt8]) -> Key? {
    guard let bytes = Base64.decodeForURL(text), bytes.count > 5, bytes[0] == version else {
      return nil
    }
    let key = Array(bytes[5...])
    guard check(key, prefix).elementsEqual(bytes[1..<5]) else { return nil }
    return try? Key(validating: key)
  }

  /// FNV-1a over key and prefix: tells a mistyped or misplaced cursor, and is no secret.
  private static func check(_ key: [UInt8], _ prefix: [UInt8]) -> [UInt8] {
    var hash: UInt32 = 0x811C_9DC5
    for byte in key + [0] + prefix { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: hash >> $0) }
  }
}
