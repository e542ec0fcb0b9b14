/// The keys between two byte strings.
public struct KeyRange: Equatable, Sendable {
  /// The least byte string of the range.
  public private(set) var first: [UInt8]
  /// The least byte string behind the range.
  public private(set) var end: [UInt8]

  /// All keys that start with a prefix.
  public init(prefix: [UInt8]) {
    first = prefix
    end = Self.end(ofPrefix: prefix)
  }

  /// The keys that are left to list.
  public init(of request: PageRequest) { self.init(of: request, after: request.after) }

  init(of request: PageRequest, after position: PagePosition?) {
    self.init(prefix: request.prefix)
    let bound: [UInt8]
    switch position {
    case nil: return
    // Nothing lies between a key and the key followed by a zero byte.
    case .after(let key): bound = key.bytes + [0]
    case .from(let key): bound = key.bytes
    case .afterAll(let key): bound = Self.end(ofPrefix: key.bytes)
    case .before(let key):
      if key.bytes.lexicographicallyPrecedes(end) { end = key.bytes }
      return
    }
    if first.lexicographicallyPrecedes(bound) { first = bound }
  }

  /// Whether no key is in the range.
  public var isEmpty: Bool { !first.lexicographicallyPrecedes(end) }

  /// The first byte string behind all that start with a prefix: the prefix with its last byte
  /// incremented. 0xFF can't be incremented: "b" follows "a\u{FF}". Behind all keys is 0xFF, with
  /// which no UTF-8 starts.
  private static func end(ofPrefix prefix: [UInt8]) -> [UInt8] {
    var end = prefix
    while end.last == 0xFF { end.removeLast() }
    guard let last = end.popLast() else { return [0xFF] }
    return end + [last + 1]
  }
}
