/// What a cache knows of a key.
public enum CacheAnswer: Equatable, Sendable {
  /// What the key holds; its absence can be known too. Expiry is for the caller to check.
  case hit(Lookup)
  /// Nothing; with a lease if this reader may fill it.
  case miss(Lease?)
}

/// The right to fill one key once.
public struct Lease: Equatable, Sendable {
  /// Unique among the leases of the cache.
  public let token: UInt64

  /// A lease that a cache hands out.
  public init(token: UInt64) { self.token = token }
}
