/// What a key holds: a value and what is known about it.
public struct Entry: Equatable, Sendable {
  /// Everything but the value.
  public let metadata: Metadata
  /// The value, byte for byte as it was stored.
  public let value: [UInt8]

  /// An entry as a database or a cache holds it.
  public init(metadata: Metadata, value: [UInt8]) {
    self.metadata = metadata
    self.value = value
  }
}

/// An entry without its value: the JSON document that a write answers with.
public struct Metadata: Equatable, Sendable {
  /// The entry's name.
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
  /// From then on the entry is absent, purged or not; nil: never.
  public let expiresAt: Timestamp?

  /// Puts together what a database returned.
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

  /// Whether the entry is absent at `now` because its time is over.
  public func isExpired(at now: Timestamp) -> Bool {
    guard let expiresAt else { return false }
    return expiresAt <= now
  }
}

/// What is known of a key: its entry, or that it has none.
public enum Lookup: Equatable, Sendable {
  /// The key has a live entry.
  case found(Entry)
  /// The key has none; the revision is its tombstone's, or `Revision.none` if nothing is known of
  /// it.
  case absent(Revision)

  /// The entry, if there is one.
  public var entry: Entry? {
    if case .found(let entry) = self { entry } else { nil }
  }

  /// The revision that this was read at.
  public var revision: Revision {
    switch self {
    case .found(let entry): entry.metadata.revision
    case .absent(let revision): revision
    }
  }
}
