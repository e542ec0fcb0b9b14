/// What must be true of a key for a write to happen (RFC 9110 §13), decided by the statement that
/// writes.
public struct Condition: Equatable, Sendable {
  /// The entry must exist and match (`If-Match`).
  public var ifMatch: Match?
  /// The entry must not exist, or not match (`If-None-Match`).
  public var ifNoneMatch: Match?

  /// Entries that a header field names.
  public enum Match: Equatable, Sendable {
    /// `*`: whatever entry there is.
    case any
    /// These revisions. A tag that can't be a revision is left out: it matches nothing.
    case revisions([Revision])

    /// Whether an entry of `revision` is named.
    public func includes(_ revision: Revision) -> Bool {
      switch self {
      case .any: true
      case .revisions(let revisions): revisions.contains(revision)
      }
    }
  }

  /// Both headers of a request.
  public init(ifMatch: Match? = nil, ifNoneMatch: Match? = nil) {
    self.ifMatch = ifMatch
    self.ifNoneMatch = ifNoneMatch
  }

  /// Always true.
  public static let none = Condition()

  /// Whether a write needs no look at the entry.
  public var isEmpty: Bool { ifMatch == nil && ifNoneMatch == nil }

  /// Whether the condition holds for a key whose live entry has `revision`, or that has none (nil).
  public func holds(for revision: Revision?) -> Bool {
    if let ifMatch {
      guard let revision, ifMatch.includes(revision) else { return false }
    }
    if let ifNoneMatch, let revision, ifNoneMatch.includes(revision) { return false }
    return true
  }
}
