/// A write that is accepted now and applied later, exactly once, if nothing newer has been written.
public struct QueuedWrite: Equatable, Sendable {
  /// Names the operation; what a client asks for at `/operations/{id}`.
  public var id: OperationID
  /// What to do. Its idempotency key, if any, was settled when it was accepted.
  public var write: Write
  /// When it was accepted, by the accepting node's clock: its place in the key's history.
  public var acceptedAt: Timestamp

  /// A write to be queued.
  public init(id: OperationID, write: Write, acceptedAt: Timestamp) {
    self.id = id
    self.write = write
    self.acceptedAt = acceptedAt
  }
}

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

  /// Checks a spelling that a client sent: 36 characters, hexadecimal in 8-4-4-4-12.
  public init?(_ text: String) {
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

/// Where an asynchronous write stands.
public struct OperationRecord: Equatable, Sendable {
  /// The operation.
  public let id: OperationID
  /// Its state.
  public let state: State
  /// The revision it wrote, when `applied`; what stood in its way, when `superseded` or
  /// `preconditionFailed`.
  public let revision: Revision?
  /// When it reached this state.
  public let updatedAt: Timestamp

  /// The states of DESIGN.md, spelt as clients see them.
  public enum State: String, Sendable {
    /// Confirmed by the queue, not applied yet.
    case queued
    /// Took effect.
    case applied
    /// Something newer than its acceptance had been written.
    case superseded
    /// Its condition did not hold.
    case preconditionFailed = "precondition_failed"
    /// Can never succeed; it lies in the dead-letter queue.
    case failed
  }

  /// A record as a database holds it.
  public init(id: OperationID, state: State, revision: Revision?, updatedAt: Timestamp) {
    self.id = id
    self.state = state
    self.revision = revision
    self.updatedAt = updatedAt
  }
}
