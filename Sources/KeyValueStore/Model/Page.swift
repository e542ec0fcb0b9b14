/// Asks for one page of a listing.
public struct PageRequest: Equatable, Sendable {
  /// Only keys that start with these bytes; empty: all.
  public var prefix: [UInt8]
  /// Only keys after this one; nil: from the first.
  public var after: Key?
  /// At most this many entries, from 1.
  public var entriesMax: Int
  /// Whether to return the values too.
  public var includesValues: Bool
  /// A page ends before its values exceed this many bytes; a first value alone may exceed it.
  public var valueBytesMax: Int

  public init(
    prefix: [UInt8] = [], after: Key? = nil, entriesMax: Int = 100, includesValues: Bool = false,
    valueBytesMax: Int = 8 << 20
  ) {
    self.prefix = prefix
    self.after = after
    self.entriesMax = entriesMax
    self.includesValues = includesValues
    self.valueBytesMax = valueBytesMax
  }
}

/// Live entries in byte order of their keys.
public struct Page: Equatable, Sendable {
  public struct Item: Equatable, Sendable {
    public let metadata: Metadata
    /// The value, if it was asked for.
    public let value: [UInt8]?

    public init(metadata: Metadata, value: [UInt8]?) {
      self.metadata = metadata
      self.value = value
    }
  }

  public let items: [Item]
  /// Whether live entries follow the last of `items`.
  public let hasMore: Bool

  public init(items: [Item], hasMore: Bool) {
    self.items = items
    self.hasMore = hasMore
  }
}
