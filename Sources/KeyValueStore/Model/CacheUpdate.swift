/// What a cache is told of a key.
public struct CacheUpdate: Equatable, Sendable {
  /// The key.
  public let key: Key
  /// Its entry, or its tombstone's revision; nil: this is not known, but nothing older than
  /// `revision` may be served any more.
  public let lookup: Lookup?
  /// The revision that the key has at least.
  public let revision: Revision

  /// What the key holds after a commit.
  public init(key: Key, lookup: Lookup) {
    self.key = key
    self.lookup = lookup
    revision = lookup.revision
  }

  /// Says that the key was written with `revision`, and perhaps again since.
  public init(key: Key, outdatedBefore revision: Revision) {
    self.key = key
    lookup = nil
    self.revision = revision
  }
}
