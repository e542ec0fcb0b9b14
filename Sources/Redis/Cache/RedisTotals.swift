/// What the caches of a process have counted since it began, and how they are now.
public struct RedisTotals: Equatable, Sendable {
  /// Loops that have a cache.
  public var loops = 0
  /// Loops whose cache is connected and in use.
  public var serving = 0
  /// Look-ups that Redis answered.
  public var hits = 0
  /// Look-ups that it did not.
  public var misses = 0
  /// Misses because Redis was not asked: away, uncertain, or distrusted.
  public var bypassed = 0
  /// Connections that were made, reconnects included.
  public var connects = 0
  /// Connections that were given up because an answer took too long.
  public var timeouts = 0
  /// Updates of which it is not certain that readers see them.
  public var failedUpdates = 0
  /// Failed updates that were repaired.
  public var repairs = 0
  /// Times that all of the cache was dropped.
  public var drops = 0

  /// Nothing.
  public init() {}
}
