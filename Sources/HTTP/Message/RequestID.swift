/// Names a request in logs and answers (`X-Request-Id`): up to 128 visible ASCII characters.
public struct RequestID: Hashable, Sendable {
  /// The characters.
  public let bytes: [UInt8]

  /// The longest id that is taken from a client, in bytes.
  public static let bytesMax = 128

  /// Takes a client's id if it is sane: letters, digits and `-._~+/=:`, 1 to 128 of them.
  public init?(client bytes: ArraySlice<UInt8>) {
    guard (1...RequestID.bytesMax).contains(bytes.count) else { return nil }
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        continue
      case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
        UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: ":"):
        continue
      default: return nil
      }
    }
    self.bytes = Array(bytes)
  }

  /// An id of 16 hexadecimal digits.
  public init(_ number: UInt64) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    for shift in stride(from: UInt64(60), through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: number >> shift & 15)
      bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
    }
    self.bytes = bytes
  }

  /// The id as text.
  public var text: String { String(decoding: bytes, as: UTF8.self) }
}
