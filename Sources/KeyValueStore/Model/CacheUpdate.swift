/// What a key holds after a commit.
public struct CacheUpdate: Equatable, Sendable {
  /// The key.
  public let key: Key
  /// Its entry, or its tombstone's revision.
  public let lookup: Lookup

  /// An update after a commit.
  public init(key: Key, lookup: Lookup) {
    self.key = key
    self.lookup = lookup
  }
}
