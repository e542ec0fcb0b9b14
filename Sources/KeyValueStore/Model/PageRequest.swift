/// What to list.
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

  /// A request for one page.
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
