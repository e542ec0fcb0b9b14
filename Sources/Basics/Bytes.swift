// Text as bytes: digits, and the percent-encoding of URLs.

extension [UInt8] {
  /// Appends text that is known at compile time, without a copy through `String`.
  @inlinable
  package mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { append(contentsOf: $0) }
  }

  /// Appends a number in decimal.
  package mutating func append(decimal value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    var digits = 1
    var rest = value.magnitude / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    append(value.magnitude, digits: digits)
  }

  /// Appends the last `digits` digits of a number that is not negative, padded with zeros.
  package mutating func append(decimal value: Int64, digits: Int) {
    // Most numbers of a date. Every answer has a date, if not two.
    guard digits == 2 else { return append(value.magnitude, digits: digits) }
    append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10 % 10))
    append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
  }

  /// Writes the last digit first, because a division by a constant is fast, and then appends all at
  /// once.
  private mutating func append(_ value: UInt64, digits: Int) {
    // No UInt64 has more than 20 digits.
    var text = InlineArray<20, UInt8>(repeating: UInt8(ascii: "0"))
    var rest = value
    var start = text.count
    for _ in 0..<digits {
      start -= 1
      text[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    append(addingCapacity: digits) { output in
      for index in start..<text.count { output.append(text[index]) }
    }
  }

  /// Appends the last `digits` hexadecimal digits of a number, in lower case, padded with zeros.
  package mutating func append(hexadecimal value: UInt64, digits: Int) {
    append(addingCapacity: digits) { output in
      for place in stride(from: digits - 1, through: 0, by: -1) {
        output.append(UInt8(hexadecimalDigit: Int(value >> (4 * UInt64(place)) & 15)))
      }
    }
  }

  /// Appends `bytes` in the percent-encoding of RFC 3986 §2.1. The unreserved characters and those
  /// in `kept` stay as they are; every other byte becomes `%` and two hexadecimal digits.
  package mutating func append(
    percentEncoding bytes: some Sequence<UInt8>, keeping kept: StaticString = ""
  ) {
    for byte in bytes {
      if byte.isUnreserved || kept.holds(byte) {
        append(byte)
      } else {
        append(UInt8(ascii: "%"))
        append(UInt8(hexadecimalDigit: Int(byte >> 4), uppercase: true))
        append(UInt8(hexadecimalDigit: Int(byte & 15), uppercase: true))
      }
    }
  }

  /// Decodes percent-encoding (RFC 3986 §2.1) once; nil if a `%` is not followed by two hexadecimal
  /// digits.
  ///
  /// A `+` stays a plus: it means a space in HTML forms, not in URLs.
  package init?(percentDecoding bytes: ArraySlice<UInt8>) {
    let percent = UInt8(ascii: "%")
    guard var next = bytes.firstIndex(of: percent) else {
      self = Array(bytes)
      return
    }
    self = []
    reserveCapacity(bytes.count)
    append(contentsOf: bytes[..<next])
    while next < bytes.endIndex {
      let byte = bytes[next]
      if byte == percent {
        guard bytes.endIndex - next > 2, let high = bytes[next + 1].hexadecimalDigit,
          let low = bytes[next + 2].hexadecimalDigit
        else { return nil }
        append(UInt8(high << 4 | low))
        next += 3
      } else {
        append(byte)
        next += 1
      }
    }
  }
}

extension UInt8 {
  /// The value of a decimal digit, nil for anything else.
  @inlinable @inline(__always)
  package var decimalDigit: Int? {
    let value = self &- UInt8(ascii: "0")
    return value < 10 ? Int(value) : nil
  }

  /// The value of a hexadecimal digit in either case, nil for anything else.
  @inlinable @inline(__always)
  package var hexadecimalDigit: Int? {
    if let digit = decimalDigit { return digit }
    let value = (self | 0x20) &- UInt8(ascii: "a")
    return value < 6 ? Int(value) + 10 : nil
  }

  /// The digit of a value from 0 to 15.
  @inlinable @inline(__always)
  package init(hexadecimalDigit value: Int, uppercase: Bool = false) {
    let ten = uppercase ? UInt8(ascii: "A") : UInt8(ascii: "a")
    self = value < 10 ? UInt8(ascii: "0") + UInt8(value) : ten + UInt8(value - 10)
  }

  /// Whether the byte is an unreserved character, which needs no encoding in any part of a URL
  /// (RFC 3986 §2.3).
  fileprivate var isUnreserved: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"):
      true
    default: false
    }
  }
}

extension StaticString {
  fileprivate func holds(_ byte: UInt8) -> Bool { withUTF8Buffer { $0.contains(byte) } }
}
