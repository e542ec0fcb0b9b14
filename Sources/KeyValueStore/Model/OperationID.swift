/// The name of an asynchronous write: a UUIDv7 (RFC 9562 §5.7) in its usual spelling.
public struct OperationID: Hashable, Sendable {
  /// 36 lower-case characters.
  public let text: String

  /// Makes an id from the time, 58 random bits, and in the last 16 a check over both and `owner`.
  public static func make(
    at now: Timestamp, of owner: OperationOwner = .everybody,
    random: inout some RandomNumberGenerator
  ) -> OperationID {
    let milliseconds = UInt64(bitPattern: now.microseconds / 1_000)
    let high = milliseconds << 16 | 0x7000 | random.next() & 0x0FFF
    let middle = 0x8000_0000_0000 | random.next() & 0x3FFF_FFFF_FFFF
    let low = middle << 16 | check(high: high, middle: middle, owner)
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

  /// When the operation was accepted, to the millisecond; nil for an id that `make` has not made
  /// for one of `owners`.
  ///
  /// An operation that waits in the queue is recorded nowhere else. The check tells it from an id
  /// that somebody has made up or mistyped, and from those of others. It is no secret, as nobody
  /// gains by a false one: who changes the check names another operation.
  public func acceptedAt(ofAny owners: [OperationOwner]) -> Timestamp? {
    var halves: [UInt64] = [0, 0]
    for (index, byte) in text.utf8.lazy.filter({ $0 != UInt8(ascii: "-") }).enumerated() {
      guard let digit = OperationID.digits.firstIndex(of: byte), index < 32 else { return nil }
      halves[index / 16] = halves[index / 16] << 4 | UInt64(digit)
    }
    let (high, low) = (halves[0], halves[1])
    guard high >> 12 & 0xF == 7, low >> 62 == 2,
      owners.contains(where: {
        low & 0xFFFF == OperationID.check(high: high, middle: low >> 16, $0)
      })
    else { return nil }
    return Timestamp(microseconds: Int64(high >> 16) * 1_000)
  }

  /// A hash of the owner and the other 112 bits: the finalizer of MurmurHash3, twice.
  private static func check(
    high: UInt64, middle: UInt64, _ owner: OperationOwner
  ) -> UInt64 {
    var hash = owner.seed
    for half in [high, middle] {
      hash ^= half
      hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
      hash = (hash ^ hash >> 33) &* 0xC4CE_B9FE_1A85_EC53
      hash ^= hash >> 33
    }
    return hash & 0xFFFF
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
