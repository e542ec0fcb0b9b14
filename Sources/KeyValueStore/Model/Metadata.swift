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
