/// What a read found, and where.
public struct Reading: Equatable, Sendable {
  /// The key's live entry; nil if it has none.
  public let entry: Entry?
  /// Who answered.
  public let source: Source

  /// Who can answer a read.
  public enum Source: String, Sendable {
    /// The cache.
    case cache
    /// The database.
    case database
  }

  /// An answer to a read.
  public init(entry: Entry?, source: Source) {
    self.entry = entry
    self.source = source
  }
}
