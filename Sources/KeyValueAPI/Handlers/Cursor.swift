import HTTP
import KeyValueStore

/// The end of a page as a text that clients hand back: the digit 1, a version, then the last key in
/// hexadecimal.
///
/// Not Base64: that a text is a cursor can then be told by a regular expression, and openapi.json
/// does.
enum Cursor {
  private static let version = UInt8(ascii: "1")
  private static let digits = Array("0123456789abcdef".utf8)

  /// The text for the last key of a page.
  static func text(after key: Key) -> [UInt8] {
    var text = [version]
    text.reserveCapacity(1 + key.bytes.count * 2)
    for byte in key.bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }

  /// The key; nil if the text was not made by `text`.
  static func key(_ text: [UInt8]) -> Key? {
    guard text.first == version, text.count % 2 == 1 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 1, to: text.count, by: 2) {
      guard let high = digits.firstIndex(of: text[index]),
        let low = digits.firstIndex(of: text[index + 1])
      else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    return try? Key(validating: bytes)
  }
}
