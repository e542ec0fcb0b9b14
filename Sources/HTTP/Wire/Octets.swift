/// The characters that the grammars of RFC 9110 and RFC 9112 name.
extension UInt8 {
  static let tab = UInt8(ascii: "\t")
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
  static let quote = UInt8(ascii: "\"")
  static let percent = UInt8(ascii: "%")
  static let comma = UInt8(ascii: ",")
  static let slash = UInt8(ascii: "/")
  static let colon = UInt8(ascii: ":")
  static let semicolon = UInt8(ascii: ";")
  static let equals = UInt8(ascii: "=")
  static let question = UInt8(ascii: "?")
  static let backslash = UInt8(ascii: "\\")

  /// Whether no line may hold it: a control character other than a tab (RFC 9110 §5.5).
  @inline(__always)
  var endsLine: Bool {
    // One comparison for almost all bytes.
    if self &- 0x20 < 0x5F { return false }
    return self < 0x80 && self != .tab
  }

  /// Whether it is optional white space (`OWS`, RFC 9110 §5.6.3).
  @inline(__always)
  var isWhiteSpace: Bool { self == .space || self == .tab }

  /// The lower-case form of an ASCII letter, anything else as it is.
  @inline(__always)
  var lowercased: UInt8 { self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self }
}

extension Span<UInt8> {
  /// Whether `range` spells `text`, which is in lower case, in any case.
  @inline(__always)
  func matches(_ range: Range<Int>, lowercase text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { expected in
      for offset in 0..<expected.count
      where self[range.lowerBound + offset].lowercased != expected[offset] {
        return false
      }
      return true
    }
  }

  /// `range` without the white space at both ends.
  @inline(__always)
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, self[start].isWhiteSpace { start += 1 }
    while end > start, self[end - 1].isWhiteSpace { end -= 1 }
    return start..<end
  }

  /// Calls `body` with each non-empty element of a comma-separated list without quoted strings
  /// (RFC 9110 §5.6.1.2: a recipient ignores empty elements).
  func forEachElement<Failure: Error>(
    of list: Range<Int>, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    var start = list.lowerBound
    while start <= list.upperBound {
      var end = start
      while end < list.upperBound, self[end] != .comma { end += 1 }
      let element = trimmed(start..<end)
      if !element.isEmpty { try body(element) }
      start = end + 1
    }
  }
}

extension Span<UInt8> {
  /// Whether `range` spells `text` exactly.
  @inline(__always)
  func spells(_ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { expected in
      for offset in 0..<expected.count
      where self[range.lowerBound + offset] != expected[offset] {
        return false
      }
      return true
    }
  }
}
