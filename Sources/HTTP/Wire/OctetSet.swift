/// A set of ASCII characters: a bit for each, so that a test is a shift.
struct OctetSet {
  /// Bits for 0 to 63.
  let low: UInt64
  /// Bits for 64 to 127.
  let high: UInt64

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    // A shift by 64 or more gives 0 in Swift; `&>>` takes the lowest six bits, hence the test.
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

  /// Hexadecimal digits, `:` and `.`: what an IPv6 address is made of (RFC 3986 §3.2.2).
  static var addressLiteral: OctetSet {
    OctetSet(low: 0x07FF_4000_0000_0000, high: 0x0000_007E_0000_007E)
  }
}
