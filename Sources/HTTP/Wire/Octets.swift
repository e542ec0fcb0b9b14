// Bytes as characters of HTTP's grammars: names, sets, comparisons and copies.

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

  /// Whether no line may contain the byte: a control character other than a tab (RFC 9110 §5.5).
  @inline(__always)
  var endsLine: Bool {
    // One comparison for almost all bytes.
    if self &- 0x20 < 0x5F { return false }
    return self < 0x80 && self != .tab
  }

  /// Whether the byte is white space (`OWS`, RFC 9110 §5.6.3).
  @inline(__always)
  var isWhiteSpace: Bool { self == .space || self == .tab }

  /// The lower-case form of an ASCII letter; any other byte as it is.
  @inline(__always)
  var lowercased: UInt8 { self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self }
}

extension Span<UInt8> {
  /// Whether `range` is `text` without regard to case. `text` must be in lower case.
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

  /// `range` without the white space at its ends.
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

  /// Whether `range` is `text`.
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

/// A set of ASCII characters, with one bit for each character, so that a test is a shift.
struct OctetSet {
  /// The bits of 0 to 63.
  private let low: UInt64
  /// The bits of 64 to 127.
  private let high: UInt64

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    // `&>>` uses only the lowest six bits of its distance, hence the test of `byte`.
    let half = byte < 64 ? low : high
    return byte < 128 && half &>> UInt64(byte) & 1 == 1
  }

  /// Letters, digits and ``!#$%&'*+-.^_`|~`` (`tchar`, RFC 9110 §5.6.2).
  static var token: OctetSet { OctetSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE) }

  /// Visible ASCII without `"<>#\`.
  ///
  /// RFC 3986 §3.3 and §3.4 want ``^`{|}[]`` escaped as well, but browsers send them as they are.
  static var target: OctetSet { OctetSet(low: 0xAFFF_FFF2_0000_0000, high: 0x7FFF_FFFF_EFFF_FFFF) }

  /// `unreserved` and `sub-delims` (RFC 3986 §2).
  static var registeredName: OctetSet {
    OctetSet(low: 0x2BFF_7FD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
  }

  /// The characters of an IPv6 address: hexadecimal digits, `:` and `.` (RFC 3986 §3.2.2).
  static var addressLiteral: OctetSet {
    OctetSet(low: 0x07FF_4000_0000_0000, high: 0x0000_007E_0000_007E)
  }
}

extension [UInt8] {
  /// A copy of `range` of `source`.
  init(copying source: Span<UInt8>, _ range: Range<Int>) {
    self = []
    // The initializers with a capacity look up the array's metadata at each call, which costs 30
    // ns.
    reserveCapacity(range.count)
    append(copying: source, range)
  }

  /// Appends a copy of `range` of `source`.
  mutating func append(copying source: Span<UInt8>, _ range: Range<Int>) {
    append(addingCapacity: range.count) { target in
      for index in range { target.append(source[index]) }
    }
  }
}
