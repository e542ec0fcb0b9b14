/// A number that grows with every write of a key: `max(previous + 1, now in µs)`.
///
/// Revisions of different keys do not compare.
public struct Revision: Hashable, Comparable, Sendable {
  /// The number as it stands in the database and, in double quotes, in an `ETag`.
  public let number: Int64

  public init(_ number: Int64) { self.number = number }

  /// The revision of a key that was never written.
  public static let none = Revision(0)

  /// The revision that follows this one when the key is written at `now`.
  public func next(at now: Timestamp) -> Revision {
    Revision(max(number + 1, now.microseconds))
  }

  public static func < (left: Revision, right: Revision) -> Bool { left.number < right.number }
}

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Hashable, Comparable, Sendable {
  public let microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// Whole seconds since the Unix epoch, rounded down.
  public var seconds: Int64 {
    let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    return remainder < 0 ? quotient - 1 : quotient
  }

  public func adding(seconds: Int64) -> Timestamp {
    Timestamp(microseconds: microseconds + seconds * 1_000_000)
  }

  public func adding(microseconds: Int64) -> Timestamp {
    Timestamp(microseconds: self.microseconds + microseconds)
  }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }
}

/// Tells the time of day. Every type that needs the time takes one, so that tests can set it.
public typealias WallClock = @Sendable () -> Timestamp
