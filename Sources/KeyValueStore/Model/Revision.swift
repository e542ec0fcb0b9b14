/// A number that grows with every write of a key: `max(previous + 1, now in µs)`.
///
/// Revisions of different keys do not compare.
public struct Revision: Hashable, Comparable, Sendable {
  /// The number as it stands in the database and, in double quotes, in an `ETag`.
  public let number: Int64

  /// Wraps a number that a database handed out.
  public init(_ number: Int64) { self.number = number }

  /// The revision of a key that was never written.
  public static let none = Revision(0)

  /// The revision that follows this one when written at `now`.
  public func next(at now: Timestamp) -> Revision {
    Revision(max(number + 1, now.microseconds))
  }

  /// Older is less.
  public static func < (left: Revision, right: Revision) -> Bool { left.number < right.number }
}
