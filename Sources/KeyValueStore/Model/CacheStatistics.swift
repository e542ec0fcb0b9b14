/// How full a cache is and how well it serves.
public struct CacheStatistics: Equatable, Sendable {
  /// Entries kept now.
  public var keys: Int
  /// The most entries it may keep; nil: bounded in bytes only.
  public var keysMax: Int?
  /// Bytes used now.
  public var bytes: Int
  /// The most bytes it may use; nil: unbounded.
  public var bytesMax: Int?
  /// Look-ups answered.
  public var hits: Int
  /// Look-ups not answered.
  public var misses: Int
  /// Entries dropped to make room.
  public var evictions: Int

  /// Figures as a cache reports them.
  public init(
    keys: Int, keysMax: Int?, bytes: Int, bytesMax: Int?, hits: Int, misses: Int, evictions: Int
  ) {
    self.keys = keys
    self.keysMax = keysMax
    self.bytes = bytes
    self.bytesMax = bytesMax
    self.hits = hits
    self.misses = misses
    self.evictions = evictions
  }
}
