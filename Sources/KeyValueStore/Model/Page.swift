/// Live entries in byte order of their keys.
public struct Page: Equatable, Sendable {
  /// One line of a page.
  public struct Item: Equatable, Sendable {
    /// The entry without its value.
    public let metadata: Metadata
    /// The value, if it was asked for.
    public let value: [UInt8]?

    /// A line of a page.
    public init(metadata: Metadata, value: [UInt8]?) {
      self.metadata = metadata
      self.value = value
    }
  }

  /// The entries.
  public let items: [Item]
  /// Whether live entries follow the last of `items`.
  public let hasMore: Bool

  /// A page as a database read it.
  public init(items: [Item], hasMore: Bool) {
    self.items = items
    self.hasMore = hasMore
  }
}
