/// A committed change of one key, as watchers and caches are told of it.
public struct Change: Equatable, Sendable {
  /// The key that changed.
  public let key: Key
  /// The revision that the change gave it, which orders it among the changes of its key.
  public let revision: Revision
  /// What happened.
  public let kind: Kind

  /// What happened to a key.
  public enum Kind: Equatable, Sendable {
    /// A value was stored.
    case put(Metadata)
    /// The entry was deleted.
    case delete
    /// The entry's time was over and it was purged.
    case expire
  }

  /// A change that was committed.
  public init(key: Key, revision: Revision, kind: Kind) {
    self.key = key
    self.revision = revision
    self.kind = kind
  }
}
