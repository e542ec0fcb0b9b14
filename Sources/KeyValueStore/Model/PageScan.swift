/// Makes a page from the rows that a database reads in the order of the list. No I/O.
///
/// The database reads `rest`, from its first or last key on, gives each live row to `take`, and the
/// last row that it has read, if it was a dead one, to `pass`. It may stop at any time, and read
/// `rest` again later.
public struct PageScan: Sendable {
  /// What to read after a live row.
  public enum Step: Equatable, Sendable {
    /// The next row.
    case next
    /// `rest`, from its beginning: the rows that follow are folded into a prefix.
    case seek
    /// Nothing: the page is full.
    case stop
  }

  public let request: PageRequest
  private var items: [Page.Item] = []
  private var prefixes: [Key] = []
  private var valueBytes = 0
  /// The last of `prefixes`, if no entry follows it.
  private var openPrefix: Key?
  private var position: PagePosition?
  /// Whether the page is complete: it is full, or nothing is left to read.
  public private(set) var isComplete = false
  private var isFull = false

  public init(_ request: PageRequest) {
    self.request = request
    position = request.after
  }

  /// The keys that are left to read.
  public var rest: KeyRange { KeyRange(of: request, after: position) }

  /// How many entries and prefixes the page has.
  public var count: Int { items.count + prefixes.count }

  /// Whether anything was read.
  public var hasAdvanced: Bool { position != request.after }

  /// Whether the rows behind `key` are folded into a prefix that the page already has.
  public func isFolded(_ key: Key) -> Bool {
    openPrefix.map { key.bytes.starts(with: $0.bytes) } ?? false
  }

  /// Takes the next live row. `value` is called if the entry is listed.
  public mutating func take<Failure: Error>(
    _ metadata: Metadata, value: () throws(Failure) -> [UInt8]?
  ) throws(Failure) -> Step {
    if isFolded(metadata.key) { return .next }
    let folded = request.fold(metadata.key)
    let size = request.includesValues && folded == nil ? metadata.size : 0
    if count == request.entriesMax || !items.isEmpty && valueBytes + size > request.valueBytesMax {
      (isFull, isComplete) = (true, true)
      return .stop
    }
    openPrefix = folded
    if let folded {
      prefixes.append(folded)
      position = request.position(afterAll: folded)
      return .seek
    }
    valueBytes += size
    items.append(Page.Item(metadata: metadata, value: try value()))
    position = request.position(after: metadata.key)
    return .next
  }

  /// Goes on behind a row that is not live.
  public mutating func pass(_ key: Key) {
    if !isFolded(key) { position = request.position(after: key) }
  }

  /// All of `rest` has been read.
  public mutating func finish() { isComplete = true }

  /// The page, as far as it was read.
  public var page: Page {
    Page(items: items, prefixes: prefixes, next: isComplete && !isFull ? nil : position)
  }
}
