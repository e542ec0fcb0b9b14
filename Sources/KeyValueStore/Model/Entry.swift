/// What a key holds: a value and its metadata.
public struct Entry: Equatable, Sendable {
  public let metadata: Metadata
  /// The value, byte for byte as it was stored.
  public let value: [UInt8]

  public init(metadata: Metadata, value: [UInt8]) {
    self.metadata = metadata
    self.value = value
  }
}

/// An entry without its value: the JSON document that answers a write.
public struct Metadata: Equatable, Sendable {
  public let key: Key
  /// Grows with every write of the key.
  public let revision: Revision
  /// Writes since the key was last created, from 1.
  public let version: Int64
  /// Length of the value, in bytes.
  public let size: Int
  /// Media type that the value is returned with.
  public let contentType: String
  /// When the key was last created.
  public let createdAt: Timestamp
  /// When this revision was written.
  public let updatedAt: Timestamp
  /// The entry is absent from this time on, whether it has been purged or not; nil: it never
  /// expires.
  public let expiresAt: Timestamp?

  public init(
    key: Key, revision: Revision, version: Int64, size: Int, contentType: String,
    createdAt: Timestamp, updatedAt: Timestamp, expiresAt: Timestamp?
  ) {
    self.key = key
    self.revision = revision
    self.version = version
    self.size = size
    self.contentType = contentType
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.expiresAt = expiresAt
  }

  public func isExpired(at now: Timestamp) -> Bool {
    guard let expiresAt else { return false }
    return expiresAt <= now
  }
}

/// What is known of a key: its entry, or that it has none.
public enum Lookup: Equatable, Sendable {
  /// The key has a live entry.
  case found(Entry)
  /// The key has none. The revision is that of its tombstone, or `Revision.none` if nothing is
  /// known of the key.
  case absent(Revision)

  /// The entry, if there is one.
  public var entry: Entry? {
    if case .found(let entry) = self { entry } else { nil }
  }

  /// The revision of the entry or of the tombstone.
  public var revision: Revision {
    switch self {
    case .found(let entry): entry.metadata.revision
    case .absent(let revision): revision
    }
  }
}
