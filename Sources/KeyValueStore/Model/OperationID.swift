/// The name of an asynchronous write: a UUIDv7 (RFC 9562 §5.7) in its usual spelling.
public struct OperationID: Hashable, Sendable {
  /// 36 characters, in lower case.
  public let text: String

  /// Makes an id from the time and 58 random bits. Its last 16 bits are a check over both and
  /// `owner`.
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

  /// The time of acceptance, to the millisecond; nil for an id that `make` has not made for one of
  /// `owners`.
  ///
  /// While an operation waits in the queue, there is no record of it anywhere else. The check tells
  /// its id from one that was invented or mistyped, and from those of other owners. The check needs
  /// no secret, because a forged id names an operation that does not exist.
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
  private static func check(high: UInt64, middle: UInt64, _ owner: OperationOwner) -> UInt64 {
    var hash = owner.seed
    for half in [high, middle] {
      hash ^= half
      hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
      hash = (hash ^ hash >> 33) &* 0xC4CE_B9FE_1A85_EC53
      hash ^= hash >> 33
    }
    return hash & 0xFFFF
  }

  /// Checks text from a client: 36 characters, hexadecimal digits of either case in groups of
  /// 8-4-4-4-12 (RFC 9562 §4). Other versions than 7 are valid, but name no operation.
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

  /// Takes text that `make` made.
  public init(trusted text: String) { self.text = text }

  private static let digits = Array("0123456789abcdef".utf8)
}

/// The principals that an operation belongs to: all that may access the keys with one prefix.
public struct OperationOwner: Hashable, Sendable {
  /// Goes into the check of an operation's id.
  fileprivate let seed: UInt64

  /// Those who may access all keys.
  public static let everybody = OperationOwner(keyPrefix: [])

  /// Those who may access the keys that begin with `keyPrefix`; empty: all keys.
  public init(keyPrefix: [UInt8]) {
    // FNV-1a: the same in all processes and releases. 0 for all keys, as in the first releases.
    var hash: UInt64 = keyPrefix.isEmpty ? 0 : 0xCBF2_9CE4_8422_2325
    for byte in keyPrefix { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    seed = hash
  }
}

/// The state of an asynchronous write.
public struct OperationRecord: Equatable, Sendable {
  public let id: OperationID
  public let state: State
  /// `applied`: the revision that the write gave the key. `superseded`, `preconditionFailed`: the
  /// revision that prevented it.
  public let revision: Revision?
  /// When the operation reached this state.
  public let updatedAt: Timestamp

  /// The states, with the names that the API uses.
  public enum State: String, Sendable {
    /// Confirmed by the queue, not applied yet.
    case queued
    /// Took effect.
    case applied
    /// Something newer than its acceptance had been written.
    case superseded
    /// Its condition was false.
    case preconditionFailed = "precondition_failed"
    /// Can never succeed; it is in the dead-letter queue.
    case failed
  }

  public init(id: OperationID, state: State, revision: Revision?, updatedAt: Timestamp) {
    self.id = id
    self.state = state
    self.revision = revision
    self.updatedAt = updatedAt
  }
}
