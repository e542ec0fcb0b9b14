extension JSONScanner {
  /// The UTF-8 of what stands between the quotes of a string that was scanned.
  static func decoded(_ content: ArraySlice<UInt8>) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(content.count)
    var position = content.startIndex
    while position < content.endIndex {
      let byte = content[position]
      if byte == UInt8(ascii: "\\") {
        decodeEscape(in: content, at: &position, into: &decoded)
      } else {
        decoded.append(byte)
        position += 1
      }
    }
    return decoded
  }

  /// The value of a hexadecimal digit.
  static func hexadecimal(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }

  private static func decodeEscape(
    in content: ArraySlice<UInt8>, at position: inout Int, into decoded: inout [UInt8]
  ) {
    let letter = content[position + 1]
    position += 2
    switch letter {
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"):
      let unit = codeUnit(in: content, at: &position)
      var scalar = UInt32(unit)
      if unit & 0xFC00 == 0xD800 {
        position += 2
        let low = UInt32(codeUnit(in: content, at: &position))
        scalar = 0x10000 + (UInt32(unit & 0x3FF) << 10 | low & 0x3FF)
      }
      append(scalar, to: &decoded)
    default: decoded.append(letter)
    }
  }

  private static func codeUnit(in content: ArraySlice<UInt8>, at position: inout Int) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      unit = unit << 4 | (hexadecimal(content[position]) ?? 0)
      position += 1
    }
    return unit
  }

  private static func append(_ scalar: UInt32, to decoded: inout [UInt8]) {
    guard let scalar = Unicode.Scalar(scalar) else { return }
    decoded.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
  }
}
