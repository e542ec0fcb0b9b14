/// Asks for one page of a listing.
public struct PageRequest: Equatable, Sendable {
  /// Only keys that start with these bytes; empty: all.
  public var prefix: [UInt8]
  /// Keys that have these bytes behind the prefix are folded: see `fold`. Empty: no key is.
  public var delimiter: [UInt8]
  /// Whether the last key comes first.
  public var isReversed: Bool
  /// Where the page before has ended, in the same direction; nil: this is the first page.
  public var after: PagePosition?
  /// At most this many entries and folded prefixes, from 1.
  public var entriesMax: Int
  /// Whether to return the values too.
  public var includesValues: Bool
  /// A page ends before its values exceed this many bytes; a first value alone may exceed it.
  public var valueBytesMax: Int

  public init(
    prefix: [UInt8] = [], delimiter: [UInt8] = [], isReversed: Bool = false,
    after: PagePosition? = nil, entriesMax: Int = 100, includesValues: Bool = false,
    valueBytesMax: Int = 8 << 20
  ) {
    self.prefix = prefix
    self.delimiter = delimiter
    self.isReversed = isReversed
    self.after = after
    self.entriesMax = entriesMax
    self.includesValues = includesValues
    self.valueBytesMax = valueBytesMax
  }

  /// The prefix that stands for a key in the list: the key's bytes up to the first delimiter behind
  /// the request's prefix, with the delimiter. Nil: the key stands for itself.
  public func fold(_ key: Key) -> Key? {
    guard !delimiter.isEmpty, key.bytes.starts(with: prefix) else { return nil }
    let bytes = key.bytes
    var start = prefix.count
    while start + delimiter.count <= bytes.count {
      if bytes[start...].starts(with: delimiter) {
        return Key(trusted: Array(bytes[..<(start + delimiter.count)]))
      }
      start += 1
    }
    return nil
  }

  /// The place in the list behind an entry.
  public func position(after key: Key) -> PagePosition {
    isReversed ? .before(key) : .after(key)
  }

  /// The place in the list behind all keys that a folded prefix stands for.
  public func position(afterAll folded: Key) -> PagePosition {
    isReversed ? .before(folded) : .afterAll(folded)
  }
}

/// A place between two keys of a list, where one page ends and the next one begins.
public enum PagePosition: Equatable, Sendable {
  /// Forwards, behind a key.
  case after(Key)
  /// Forwards, from a key on.
  case from(Key)
  /// Forwards, behind all keys that start with the bytes of this one.
  case afterAll(Key)
  /// Backwards: what is less than this key follows.
  case before(Key)
}

/// Live entries in byte order of their keys, or in the reverse order.
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
  /// The prefixes that stand for folded keys, in the order of the list. At least one live key
  /// starts with each.
  public let prefixes: [Key]
  /// Where the next page begins; nil: this is the last one. A page that would take too long ends
  /// before it is full, and nothing may follow it.
  public let next: PagePosition?

  public init(items: [Item], prefixes: [Key] = [], next: PagePosition?) {
    self.items = items
    self.prefixes = prefixes
    self.next = next
  }

  public var hasMore: Bool { next != nil }

  /// The page until its item at `index`, which becomes the last one.
  public func ending(at index: Int, of request: PageRequest) -> Page {
    let last = items[index].metadata.key
    return Page(
      items: Array(items[...index]),
      prefixes: prefixes.filter { request.isReversed ? last < $0 : $0 < last },
      next: request.position(after: last))
  }
}

/// A number of live entries.
public struct LiveCount: Equatable, Sendable {
  public let count: Int
  /// Whether there was no time to count further: there are `count` entries, and maybe more.
  public let isAtLeast: Bool

  public init(_ count: Int, isAtLeast: Bool) {
    self.count = count
    self.isAtLeast = isAtLeast
  }
}
