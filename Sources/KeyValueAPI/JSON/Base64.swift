/// Base64 (RFC 4648) over bytes: eight megabytes of values pass through here in one request, so it
/// appends straight into the document that is being written.
enum Base64 {
  /// Appends `bytes` in the standard alphabet with padding (§4).
  static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
    encode(bytes, with: standard, isPadded: true, to: &text)
  }

  /// `bytes` in the alphabet for URLs, without padding (§5).
  static func encodeForURL(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    encode(bytes, with: forURL, isPadded: false, to: &text)
    return text
  }

  /// Bytes written in the standard alphabet: padded, without line breaks, without stray bits (§3.5).
  static func decode(_ text: [UInt8]) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var content = text[...]
    if content.last == padding { content.removeLast() }
    if content.last == padding { content.removeLast() }
    return decode(content, with: standardValues)
  }

  /// Bytes written in the alphabet for URLs, without padding.
  static func decodeForURL(_ text: [UInt8]) -> [UInt8]? { decode(text[...], with: forURLValues) }

  private static let padding = UInt8(ascii: "=")
  private static let standard = alphabet(endingIn: "+/")
  private static let forURL = alphabet(endingIn: "-_")
  private static let standardValues = values(of: standard)
  private static let forURLValues = values(of: forURL)
  private static let invalid: UInt8 = 0xFF

  private static func alphabet(endingIn last: String) -> [UInt8] {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return Array((letters + letters.lowercased() + "0123456789" + last).utf8)
  }

  private static func values(of alphabet: [UInt8]) -> [UInt8] {
    var values = [UInt8](repeating: invalid, count: 256)
    for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
    return values
  }

  private static func encode(
    _ bytes: [UInt8], with alphabet: [UInt8], isPadded: Bool, to text: inout [UInt8]
  ) {
    var index = 0
    while index + 2 < bytes.count {
      let group =
        Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
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
    if rest == 2 {
      text.append(alphabet[group >> 6 & 63])
    } else if isPadded {
      text.append(padding)
    }
    if isPadded { text.append(padding) }
  }

  private static func decode(_ text: ArraySlice<UInt8>, with values: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3 / 4 + 2)
    var group: UInt32 = 0
    var bits = 0
    for byte in text {
      let value = values[Int(byte)]
      guard value != invalid else { return nil }
      group = group << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
      }
    }
    // Six left-over bits are a lone character; any other bits left over must be zero.
    guard bits < 6, group & (1 << UInt32(bits) - 1) == 0 else { return nil }
    return bytes
  }
}
