import KeyValueStore
import Testing

/// What every `Cache` promises.
public enum CacheContract {
  /// A case on a cache.
  public typealias Case = ContractCase<any CacheHarness>

  /// All cases. Each wants a harness of its own.
  public static let cases: [Case] = updates + leases + bounds

  /// A time in the range of real revisions, so that adapters may take revisions for times.
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
    Case("An empty value is served, and is not an absence") { harness in
      await harness.update("k", .sample("k", start, value: []))
      #expect(await harness.kept("k") == .sample("k", start, value: []))
    },
    Case("A tombstone is served: absence is known too") { harness in
      await harness.update("k", .sample("k", start))
      await harness.update("k", .tombstone(start + 1))
      #expect(await harness.kept("k") == .tombstone(start + 1))
    },
    Case("An older update never replaces a newer one, be it an entry or a tombstone") {
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
    Case("What is outdated is dropped, and nothing older is kept; what is as new stays") {
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
    Case("What is outdated takes the lease away") { harness in
      let lease = try await harness.miss("k")
      await harness.outdate("k", before: start + 1)
      await harness.cache.fill(Key("k"), with: .sample("k", start), lease: lease)
      #expect(await harness.kept("k") == nil)
    },
    Case("Of the updates of one call each key's newest stays, in whatever order they come") {
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
    Case("No update is a certain one") { harness in
      let isCertain = await harness.cache.update([])
      #expect(isCertain)
    },
    Case("An expired entry may be served: expiry is for the caller to check") { harness in
      let lookup = Lookup.sample(
        "k", start, expiresAt: Timestamp(microseconds: start + 1_000_000))
      await harness.update("k", lookup)
      let kept = await harness.kept("k")
      #expect(kept == nil || kept == lookup)
    },
    Case("Hits and misses are counted, once each") { harness in
      let before = await harness.cache.statistics()
      await harness.update("k", .sample("k", start))
      for _ in 0..<3 { _ = await harness.cache.look(up: Key("k")) }
      for _ in 0..<2 { _ = await harness.cache.look(up: Key("none")) }
      let after = await harness.cache.statistics()
      #expect(after.hits - before.hits == 3)
      #expect(after.misses - before.misses == 2)
      #expect(after.keys == 1 && after.bytes > 0)
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
      #expect(await harness.cache.look(up: Key("k")) == .miss(nil))
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
    Case("The lease is gone even when the newer entry has been dropped meanwhile") { harness in
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
    Case("A reader that never came back does not keep others from filling") { harness in
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
    Case("A cache that is filled beyond its bounds drops entries and stays inside") { harness in
      try await harness.evictAll()
      let statistics = await harness.cache.statistics()
      if let bytesMax = statistics.bytesMax { #expect(statistics.bytes <= bytesMax) }
      if let keysMax = statistics.keysMax { #expect(statistics.keys <= keysMax) }
    },
    Case("An older update of an entry that was dropped is not kept") { harness in
      await harness.update("k", .sample("k", start + 5))
      try await harness.evictAll()
      await harness.update("k", .sample("k", start + 4))
      #expect(await harness.kept("k") == nil)
    },
    Case("A dropped entry can be filled again, and updated by a newer one") { harness in
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
    Case("A newer value of 1,048,576 bytes takes the place of the old one, or leaves none") {
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
