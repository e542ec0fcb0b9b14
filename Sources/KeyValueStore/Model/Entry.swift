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
