/// How what is known of a key lies in Redis. One string a key:
///
///     0      kind: v(alue), a(bsence), l(ease), f(loor)
///     1      format; a reader that does not know it misses
///     2..20  revision, 19 decimal digits, so that scripts can compare it as text
///     21..   lease: its token, 16 hexadecimal digits
///            absence: checksum (8)
///            value: checksum (8), version (8), created (8), updated (8), expires (8),
///            length of the content type (2), content type, value
///
/// Binary numbers are little-endian. Kind and revision stay where they are in every format. A floor
/// is not served: it only says that nothing older than its revision may be kept. A lease has the
/// revision of the floor that it took the place of.
enum EntryLayout {
  static let value = UInt8(ascii: "v")
  static let absence = UInt8(ascii: "a")
  static let lease = UInt8(ascii: "l")
  static let floor = UInt8(ascii: "f")
  static let format = UInt8(ascii: "1")

  static let revisionStart = 2
  static let revisionDigits = 19
  static let checksumStart = revisionStart + revisionDigits
  static let bodyStart = checksumStart + 8
  static let contentTypeStart = bodyStart + 4 * 8 + 2
  static let tokenDigits = 16
  /// Stands for "never" where an expiry is.
  static let never = Int64.min

  /// The checksum of everything but itself.
  static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    var checksum = Checksum()
    checksum.include(UnsafeRawBufferPointer(rebasing: bytes[..<checksumStart]))
    checksum.include(UnsafeRawBufferPointer(rebasing: bytes[bodyStart...]))
    return checksum.value
  }
}
