/// The name of an asynchronous write: a UUIDv7 (RFC 9562 §5.7) in its usual spelling.
public struct OperationID: Hashable, Sendable {
  /// 36 lower-case characters.
  public let text: String

  /// Makes an id from the time and 74 random bits.
  public static func make(
    at now: Timestamp, random: inout some RandomNumberGenerator
  ) -> OperationID {
    let milliseconds = UInt64(bitPattern: now.microseconds / 1_000)
    let high = milliseconds << 16 | 0x7000 | random.next() & 0x0FFF
    let low = 0x8000_0000_0000_0000 | random.next() & 0x3FFF_FFFF_FFFF_FFFF
    var text = ""
    for (index, half) in [high, low].enumerated() {
      for shift in stride(from: 60, through: 0, by: -4) {
        text.append(Character(Unicode.Scalar(digits[Int(half >> UInt64(shift) & 15)])))
        let isDash = index == 0 ? shift == 32 || shift == 16 || shift == 0 : shift == 48
        if isDash { text.append("-") }
      }
    }
    return OperationID(trusted: text)
  }

  /// Checks a spelling that a client sent: 36 characters, hexadecimal in 8-4-4-4-12, in either case
  /// (RFC 9562 §4). Other versions than 7 pass: they name no operation.
  public init?(_ text: String) {
    let text = text.lowercased()
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return nil }
    for (index, byte) in bytes.enumerated() {
      let isDash = [8, 13, 18, 23].contains(index)
      guard isDash ? byte == UInt8(ascii: "-") : OperationID.digits.contains(byte) else {
        return nil
      }
    }
    self.text = text
  }

  /// Takes a spelling that was made by `make`.
  public init(trusted text: String) { self.text = text }

  private static let digits = Array("0123456789abcdef".utf8)
}
