public import KeyValueStore

/// What the cache's contract needs to know of an adapter. One harness a case, with an empty cache.
public protocol CacheHarness: AnyObject {
  /// The cache under test, which has room for at least 1,000 entries of 1,000 bytes.
  var cache: any Cache { get }

  /// Lets all leases that are out end.
  func endLeases() async throws

  /// Drops everything that the cache keeps, to make room for other keys or as if to. Leases may go.
  func evictAll() async throws
}

extension CacheHarness {
  /// What the cache keeps of `key`; a lease that a miss hands out is given back unused.
  func kept(_ key: String) async -> Lookup? {
    if case .hit(let lookup) = await cache.look(up: Key(key)) { lookup } else { nil }
  }

  /// Misses `key` and takes the lease.
  func miss(_ key: String) async throws -> Lease {
    guard case .miss(.some(let lease)) = await cache.look(up: Key(key)) else {
      throw ContractViolation("\(key) did not miss with a lease")
    }
    return lease
  }

  /// Tells the cache of a commit.
  func update(_ key: String, _ lookup: Lookup) async {
    _ = await cache.update([CacheUpdate(key: Key(key), lookup: lookup)])
  }

  /// Tells the cache that `key` has been written with a revision, and perhaps again since.
  func outdate(_ key: String, before revision: Int64) async {
    _ = await cache.update([CacheUpdate(key: Key(key), outdatedBefore: Revision(revision))])
  }
}

extension Lookup {
  /// An entry of a revision, with a value that tells it.
  static func sample(
    _ key: String, _ revision: Int64, value: [UInt8]? = nil, expiresAt: Timestamp? = nil
  ) -> Lookup {
    let value = value ?? Array("value of \(revision)".utf8)
    let time = Timestamp(microseconds: revision)
    return .found(
      Entry(
        metadata: Metadata(
          key: Key(key), revision: Revision(revision), version: 3, size: value.count,
          contentType: "text/plain", createdAt: time, updatedAt: time, expiresAt: expiresAt),
        value: value))
  }

  /// A tombstone of a revision.
  static func tombstone(_ revision: Int64) -> Lookup { .absent(Revision(revision)) }
}
