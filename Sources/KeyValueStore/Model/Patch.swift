/// A change of an entry that does not carry its value.
///
/// Every patch is a write: revision and version grow, also where nothing else changes.
public struct Patch: Equatable, Sendable {
  /// What is added to the value, which must be the text of an integer. A missing key counts as 0.
  /// Nil: the value stays as it is, and the key must have an entry.
  public var amount: Int64?
  /// The new content type; nil: the entry keeps its own, and a new one gets `newContentType`.
  public var contentType: String?
  public var expiry: Expiry

  public enum Expiry: Equatable, Sendable {
    /// As it is; a new entry never expires.
    case kept
    case never
    /// So many seconds after the commit, 1 to 315,360,000.
    case after(seconds: Int64)
  }

  public init(amount: Int64? = nil, contentType: String? = nil, expiry: Expiry = .kept) {
    self.amount = amount
    self.contentType = contentType
    self.expiry = expiry
  }

  /// The content type of an entry that an addition creates.
  public static let newContentType = "text/plain; charset=utf-8"

  /// When an entry that is patched at `now` expires; `current`: as it was.
  func expiresAt(_ current: Timestamp?, now: Timestamp) -> Timestamp? {
    switch expiry {
    case .kept: current
    case .never: nil
    case .after(let seconds): now.adding(seconds: seconds)
    }
  }
}

/// Why nothing was added to a value.
public enum AddRefusal: UInt8, Sendable {
  /// The value is not the text of an integer.
  case notAnInteger = 0
  /// The sum does not fit into 64 bits.
  case overflow = 1
}

// The text of an integer in a value: decimal, without a plus, a leading zero or "-0", so that each
// number has one text.
extension Int64 {
  /// The longest such text, in bytes.
  public static let textBytesMax = 20

  /// Reads a value; nil: it is not the text of an integer of 64 bits.
  public init?(valueText bytes: [UInt8]) {
    guard (1...Int64.textBytesMax).contains(bytes.count) else { return nil }
    let isNegative = bytes[0] == UInt8(ascii: "-")
    let digits = isNegative ? bytes[1...] : bytes[...]
    guard let first = digits.first else { return nil }
    if first == UInt8(ascii: "0"), bytes.count > 1 { return nil }
    var number: Int64 = 0
    for byte in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      // Downwards, because the least number has no positive counterpart.
      let (tens, hasTens) = number.multipliedReportingOverflow(by: 10)
      let (next, hasNext) = tens.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
      if hasTens || hasNext { return nil }
      number = next
    }
    if isNegative {
      self = number
    } else {
      guard number != .min else { return nil }
      self = -number
    }
  }

  /// The value that holds this number.
  public var valueText: [UInt8] { Array(String(self).utf8) }
}
