import Basics

/// Base64 in the standard alphabet with padding (RFC 4648 §4).
///
/// Foundation's decoder accepts stray bits (`QR==`) and padding alone (`====`), which RFC 4648 §3.5
/// lets a decoder refuse; and its encoder would copy up to 8 MiB of values once more than this one,
/// which appends to the document that is being written.
enum Base64 {
  /// Appends `bytes`.
  static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
    var index = 0
    while index + 2 < bytes.count {
      let group = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
      text.append(alphabet[group >> 18])
      text.append(alphabet[group >> 12 & 63])
      text.append(alphabet[group >> 6 & 63])
      text.append(alphabet[group & 63])
      index += 3
    }
    let rest = bytes.count - index
    guard rest > 0 else { return }
    let group = Int(bytes[index]) << 16 | (rest == 2 ? Int(bytes[index + 1]) << 8 : 0)
    text.append(alphabet[group >> 18])
    text.append(alphabet[group >> 12 & 63])
    text.append(rest == 2 ? alphabet[group >> 6 & 63] : padding)
    text.append(padding)
  }

  /// The bytes of `text`; nil unless it is padded, without line breaks and without stray bits
  /// (§3.5).
  static func decode(_ text: [UInt8]) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var content = text[...]
    if content.last == padding { content.removeLast() }
    if content.last == padding { content.removeLast() }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var group: UInt32 = 0
    var bits: UInt32 = 0
    for byte in content {
      let value = values[Int(byte)]
      guard value != invalid else { return nil }
      group = group << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: group >> bits))
      }
    }
    return group & (1 << bits - 1) == 0 ? bytes : nil
  }

  private static let padding = UInt8(ascii: "=")
  private static let invalid: UInt8 = 0xFF

  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static let values = {
    var values = [UInt8](repeating: invalid, count: 256)
    for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
    return values
  }()
}

extension JSONWriter {
  /// A string of Base64.
  mutating func base64(_ value: [UInt8]) {
    raw { text in
      text.append(UInt8(ascii: "\""))
      Base64.append(value, to: &text)
      text.append(UInt8(ascii: "\""))
    }
  }
}
