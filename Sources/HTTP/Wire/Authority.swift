import Basics

extension Span<UInt8> {
  /// Whether `range` is `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2 and §3.2.3).
  func isAuthority(_ range: Range<Int>, allowsEmptyHost: Bool) -> Bool {
    var index = range.lowerBound
    if index < range.upperBound, self[index] == UInt8(ascii: "[") {
      guard let end = addressLiteralEnd(range) else { return false }
      index = end
    } else {
      while index < range.upperBound, self[index] != .colon {
        guard let length = registeredNameCharacter(at: index, before: range.upperBound) else {
          return false
        }
        index += length
      }
      if index == range.lowerBound, !allowsEmptyHost { return false }
    }
    if index == range.upperBound { return true }
    guard self[index] == .colon else { return false }
    return isPort(index + 1..<range.upperBound)
  }

  /// The length of the character of a `reg-name` at `index`: 1, or 3 when percent-encoded.
  private func registeredNameCharacter(at index: Int, before end: Int) -> Int? {
    if OctetSet.registeredName.contains(self[index]) { return 1 }
    guard self[index] == .percent, index + 2 < end, self[index + 1].hexadecimalDigit != nil,
      self[index + 2].hexadecimalDigit != nil
    else { return nil }
    return 3
  }

  /// The index behind the `]` of an address in brackets; only its characters are checked.
  private func addressLiteralEnd(_ range: Range<Int>) -> Int? {
    var index = range.lowerBound + 1
    while index < range.upperBound, OctetSet.addressLiteral.contains(self[index]) { index += 1 }
    guard index > range.lowerBound + 1, index < range.upperBound,
      self[index] == UInt8(ascii: "]")
    else { return nil }
    return index + 1
  }

  /// A port may be empty and start with zeros; what is above 65,535 is none.
  private func isPort(_ range: Range<Int>) -> Bool {
    var value = 0
    for index in range {
      guard let digit = self[index].decimalDigit else { return false }
      value = value * 10 + digit
      guard value <= 65_535 else { return false }
    }
    return true
  }
}
