public import KeyValueStore
internal import TestSupport
import Testing

/// The contract of `Cache`.
public enum CacheContract {
  public typealias Case = ContractCase<any CacheHarness>

  /// Each case needs a harness of its own.
  public static let cases: [Case] = updates + leases + bounds

  /// A time in the range of real revisions, because adapters may use revisions as times.
  private static let start: Int64 = 1_700_000_000_000_000

  private static let updates: [Case] = [
    Case("What was committed is served, metadata and value") { harness in
      let expiry = Timestamp(microseconds: start * 2)
      let lookup = Lookup.sample(
        "k", start, value: (0...255).map { UInt8($0) }, expiresAt: expiry)
      let isCertain = await harness.cache.update([CacheUpdate(key: Key("k"), lookup: lookup)])
      #expect(isCertain)
      #expect(await harness.kept("k") == lookup)
    },
    Case("Text that means something elsewhere is only text, as key and as value") { harness in
      func lookup(_ text: String) -> Lookup {
        .sample(text, start, value: Array("\(text)\r\n*1\r\n$8\r\nFLUSHALL\r\n\0".utf8))
      }
      for text in String.foreignSyntax { await harness.update(text, lookup(text)) }
      for text in String.foreignSyntax { #expect(await harness.kept(text) == lookup(text)) }
    },
    Case("An empty value is served, and is not an absence") { harness in
      await harness.update("k", .sample("k", start, value: []))
      #expect(await harness.kept("k") == .sample("k", start, value: []))
    },
    Case("A tombstone is served: absence is known, too") { harness in
      await harness.update("k", .sample("k", start))
      await harness.update("k", .tombstone(start + 1))
      #expect(await harness.kept("k") == .tombstone(start + 1))
    },
    Case("An older update never replaces a newer one, entry or tombstone") {
      harness in
      await harness.update("k", .sample("k", start + 5))
      await harness.update("k", .sample("k", start + 4))
      #expect(await harness.kept("k") == .sample("k", start + 5))
      await harness.update("k", .tombstone(start + 3))
      #expect(await harness.kept("k") == .sample("k", start + 5))
      await harness.update("k", .tombstone(start + 6))
      await harness.update("k", .sample("k", start + 5))
      #expect(await harness.kept("k") == .tombstone(start + 6))
      await harness.update("k", .sample("k", start + 7))
      #expect(await harness.kept("k") == .sample("k", start + 7))
    },
    Case("An outdated entry is evicted, and nothing older is kept; one that is as new stays") {
      harness in
      await harness.outdate("k", before: start)
      #expect(await harness.kept("k") == nil)
      try await harness.endLeases()
      let lease = try await harness.miss("k")
      await harness.cache.fill(Key("k"), with: .sample("k", start + 5), lease: lease)
      await harness.outdate("k", before: start + 4)
      await harness.outdate("k", before: start + 5)
      #expect(await harness.kept("k") == .sample("k", start + 5))
      await harness.outdate("k", before: start + 7)
      #expect(await harness.kept("k") == nil)
      await harness.update("k", .sample("k", start + 6))
      #expect(await harness.kept("k") == nil)
      let newer = start + 3_600_000_000
      await harness.update("k", .sample("k", newer))
      #expect(await harness.kept("k") == .sample("k", newer))
    },
    Case("An update without a look-up takes the lease away") { harness in
      let lease = try await harness.miss("k")
      await harness.outdate("k", before: start + 1)
      await harness.cache.fill(Key("k"), with: .sample("k", start), lease: lease)
      #expect(await harness.kept("k") == nil)
    },
    Case("Of the updates of one call, the newest of each key stays, in any order") {
      harness in
      let revisions: [Int64] = [2, 9, 4]
      _ = await harness.cache.update(
        revisions.flatMap { revision in
          ["a", "b"].map {
            CacheUpdate(key: Key($0), lookup: .sample($0, start + revision))
          }
        })
      #expect(await harness.kept("a") == .sample("a", start + 9))
      #expect(await harness.kept("b") == .sample("b", start + 9))
    },
    Case("An empty list of updates succeeds") { harness in
      let isCertain = await harness.cache.update([])
      #expect(isCertain)
    },
    Case("An expired entry may be served: the caller checks the expiry") { harness in
      let lookup = Lookup.sample(
        "k", start, expiresAt: Timestamp(microseconds: start + 1_000_000))
      await harness.update("k", lookup)
      let kept = await harness.kept("k")
      #expect(kept == nil || kept == lookup)
    },
    Case("Hits and misses are counted, once each") { harness in
      let before = await harness.cache.statistics()
      await harness.update("k", .sample("k", start))
      for _ in 0..<3 { _ = await harness.cache.find(Key("k")) }
      for _ in 0..<2 { _ = await harness.cache.find(Key("none")) }
      let after = await harness.cache.statistics()
      #expect(after.hits - before.hits == 3)
      #expect(after.misses - before.misses == 2)
      #expect(after.keys == 1 && after.bytes > 0)
    },
    Case("Many keys are read at once, in their order, without a lease, and counted") { harness in
      let before = await harness.cache.statistics()
      await harness.update("a", .sample("a", start))
      await harness.update("b", .tombstone(start + 1))
      let keys = ["b", "none", "a", "b", "k"].map { Key($0) }
      let lease = try await harness.miss("k")
      let known = await harness.cache.peek(keys)
      #expect(
        known == [.tombstone(start + 1), nil, .sample("a", start), .tombstone(start + 1), nil])
      // The one who holds the lease can still fill; there is one for who comes first, too.
      await harness.cache.fill(Key("k"), with: .sample("k", start), lease: lease)
      #expect(await harness.cache.peek([Key("k")]) == [.sample("k", start)])
      _ = try await harness.miss("none")
      #expect(await harness.cache.peek([]) == [])
      let after = await harness.cache.statistics()
      #expect(after.hits - before.hits == 4)
      #expect(after.misses - before.misses == 4)
    },
    Case("A cache that works is healthy") { harness in
      try await harness.cache.checkHealth()
      #expect(await harness.cache.statistics().keys == 0)
    },
  ]

  private static let leases: [Case] = [
    Case("A miss hands out a lease, and what its holder fills is served") { harness in
      let lease = try await harness.miss("k")
      await harness.cache.fill(Key("k"), with: .sample("k", start), lease: lease)
      #expect(await harness.kept("k") == .sample("k", start))
    },
    Case("The absence of a key that was never written can be filled") { harness in
      let lease = try await harness.miss("k")
      await harness.cache.fill(Key("k"), with: .absent(.none), lease: lease)
      #expect(await harness.kept("k") == .absent(.none))
      await harness.update("k", .sample("k", start))
      #expect(await harness.kept("k") == .sample("k", start))
    },
    Case("Of two readers that miss, one gets the lease") { harness in
      let lease = try await harness.miss("k")
      #expect(await harness.cache.find(Key("k")) == .miss(nil))
      await harness.cache.fill(Key("k"), with: .sample("k", start), lease: lease)
      #expect(await harness.kept("k") == .sample("k", start))
    },
    Case("Leases of different keys are different and independent") { harness in
      let first = try await harness.miss("a")
      let second = try await harness.miss("b")
      #expect(first != second)
      await harness.cache.fill(Key("a"), with: .sample("a", start), lease: second)
      await harness.cache.fill(Key("b"), with: .sample("b", start), lease: second)
      #expect(await harness.kept("a") == nil)
      #expect(await harness.kept("b") == .sample("b", start))
    },
    Case("A write since the miss takes the lease away: the old row is not filled") { harness in
      let lease = try await harness.miss("k")
      await harness.update("k", .sample("k", start + 2))
      await harness.cache.fill(Key("k"), with: .sample("k", start + 1), lease: lease)
      #expect(await harness.kept("k") == .sample("k", start + 2))
    },
    Case("The lease is gone even if the newer entry has been evicted since") { harness in
      let lease = try await harness.miss("k")
      await harness.update("k", .sample("k", start + 2))
      try await harness.evictAll()
      await harness.cache.fill(Key("k"), with: .sample("k", start + 1), lease: lease)
      #expect(await harness.kept("k") == nil)
    },
    Case("A delete since the miss takes the lease away") { harness in
      let lease = try await harness.miss("k")
      await harness.update("k", .tombstone(start + 2))
      await harness.cache.fill(Key("k"), with: .sample("k", start + 1), lease: lease)
      #expect(await harness.kept("k") == .tombstone(start + 2))
    },
    Case("A lease fills once") { harness in
      let lease = try await harness.miss("k")
      await harness.cache.fill(Key("k"), with: .sample("k", start + 1), lease: lease)
      await harness.cache.fill(Key("k"), with: .sample("k", start + 2), lease: lease)
      #expect(await harness.kept("k") == .sample("k", start + 1))
    },
    Case("A lease that was never handed out fills nothing") { harness in
      let lease = Lease(token: 0xDEAD_BEEF_0000_0001)
      await harness.cache.fill(Key("k"), with: .sample("k", start), lease: lease)
      #expect(await harness.kept("k") == nil)
    },
    Case("A reader that never returns does not prevent others from filling") { harness in
      let dead = try await harness.miss("k")
      try await harness.endLeases()
      let lease = try await harness.miss("k")
      #expect(lease != dead)
      await harness.cache.fill(Key("k"), with: .sample("k", start), lease: dead)
      #expect(await harness.kept("k") == nil)
      await harness.cache.fill(Key("k"), with: .sample("k", start + 1), lease: lease)
      #expect(await harness.kept("k") == .sample("k", start + 1))
    },
  ]

  private static let bounds: [Case] = [
    Case("A cache that is filled beyond its bounds evicts entries and stays within them") {
      harness in
      try await harness.evictAll()
      let statistics = await harness.cache.statistics()
      if let bytesMax = statistics.bytesMax { #expect(statistics.bytes <= bytesMax) }
      if let keysMax = statistics.keysMax { #expect(statistics.keys <= keysMax) }
    },
    Case("An older update of an evicted entry is not kept") { harness in
      await harness.update("k", .sample("k", start + 5))
      try await harness.evictAll()
      await harness.update("k", .sample("k", start + 4))
      #expect(await harness.kept("k") == nil)
    },
    Case("An evicted entry can be filled again, and updated by a newer one") { harness in
      await harness.update("a", .sample("a", start + 5))
      await harness.update("b", .sample("b", start + 5))
      try await harness.evictAll()
      try await harness.endLeases()
      let lease = try await harness.miss("a")
      await harness.cache.fill(Key("a"), with: .sample("a", start + 5), lease: lease)
      #expect(await harness.kept("a") == .sample("a", start + 5))
      let newer = start + 3_600_000_000
      await harness.update("b", .sample("b", newer))
      #expect(await harness.kept("b") == .sample("b", newer))
    },
    Case("A newer value of 1,048,576 bytes replaces the old one, or neither is kept") {
      harness in
      await harness.update("k", .sample("k", start))
      let large = Lookup.sample(
        "k", start + 1, value: [UInt8](repeating: 7, count: 1 << 20))
      await harness.update("k", large)
      let kept = await harness.kept("k")
      #expect(kept == nil || kept == large)
    },
  ]
}

/// What the contract needs of an adapter. Each case has its own harness, with an empty cache.
public protocol CacheHarness: AnyObject {
  /// The cache under test, which has room for at least 1,000 entries of 1,000 bytes.
  var cache: any Cache { get }

  /// Ends all leases.
  func endLeases() async throws

  /// Evicts every entry, as if to make room for others. Leases may go, too.
  func evictAll() async throws
}

extension CacheHarness {
  /// What the cache knows of `key`. The lease of a miss is not used.
  func kept(_ key: String) async -> Lookup? {
    if case .hit(let lookup) = await cache.find(Key(key)) { lookup } else { nil }
  }

  /// Misses `key` and takes the lease.
  func miss(_ key: String) async throws -> Lease {
    guard case .miss(.some(let lease)) = await cache.find(Key(key)) else {
      throw ContractViolation("\(key) did not miss with a lease")
    }
    return lease
  }

  /// Updates the cache after a commit.
  func update(_ key: String, _ lookup: Lookup) async {
    _ = await cache.update([CacheUpdate(key: Key(key), lookup: lookup)])
  }

  /// Updates the cache after `key` was written with a revision, and perhaps again since.
  func outdate(_ key: String, before revision: Int64) async {
    _ = await cache.update([CacheUpdate(key: Key(key), outdatedBefore: Revision(revision))])
  }
}

extension Lookup {
  /// An entry of a revision, which its value names.
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

  static func tombstone(_ revision: Int64) -> Lookup { .absent(Revision(revision)) }
}
