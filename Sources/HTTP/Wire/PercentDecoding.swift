/// Undoes percent-encoding (RFC 3986 §2.1).
public enum PercentDecoding {
  /// Decodes `bytes` once; nil if a `%` is not followed by two hexadecimal digits.
  ///
  /// A `+` is a plus: that it be a space is a rule of HTML forms, not of URLs.
  public static func decode(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    guard var next = bytes.firstIndex(of: .percent) else { return Array(bytes) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    decoded.append(contentsOf: bytes[..<next])
    while next < bytes.endIndex {
      let byte = bytes[next]
      if byte == .percent {
        guard bytes.endIndex - next > 2, let high = bytes[next + 1].hexadecimalDigit,
          let low = bytes[next + 2].hexadecimalDigit
        else { return nil }
        decoded.append(UInt8(high << 4 | low))
        next += 3
      } else {
        decoded.append(byte)
        next += 1
      }
    }
    return decoded
  }
}
