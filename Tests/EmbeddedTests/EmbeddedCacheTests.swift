import Embedded
import KeyValueStore
import TestSupport
import Testing

@Suite("The embedded cache stays within its bounds")
struct EmbeddedCacheTests {
  private func update(_ key: String, revision: Int64, bytes: Int) -> CacheUpdate {
    let name = Key(trusted: Array(key.utf8))
    let time = Timestamp(microseconds: revision)
    let metadata = Metadata(
      key: name, revision: Revision(revision), version: 1, size: bytes,
      contentType: "text/plain", createdAt: time, updatedAt: time, expiresAt: nil)
    let entry = Entry(metadata: metadata, value: [UInt8](repeating: 1, count: bytes))
    return CacheUpdate(key: name, lookup: .found(entry))
  }

  /// A cache that began before all revisions of these tests.
  private func makeCache(bytesMax: Int) -> EmbeddedCache {
    EmbeddedCache(bytesMax: bytesMax) { Timestamp(microseconds: 1) }
  }

  private func isKept(_ key: String, in cache: EmbeddedCache) async -> Bool {
    if case .hit = await cache.find(Key(trusted: Array(key.utf8))) { true } else { false }
  }

  @Test(
    "Bytes stay within the bound, and include the cache's own data", arguments: [0, 100, 10_000])
  func bytes(valueBytes: Int) async {
    let cache = makeCache(bytesMax: 1 << 20)
    for number in 1...20_000 {
      _ = await cache.update([update("key \(number)", revision: Int64(number), bytes: valueBytes)])
      if number.isMultiple(of: 1_000) {
        let statistics = await cache.statistics()
        #expect(statistics.bytes <= 1 << 20)
        #expect(statistics.keys + statistics.evictions == number)
        #expect(statistics.bytes > statistics.keys * (valueBytes + 100))
      }
    }
    #expect(await cache.statistics().evictions > 0)
    #expect(await cache.statistics().bytesMax == 1 << 20)
  }

  @Test("The most recently used entries stay")
  func leastRecentlyUsed() async {
    let cache = makeCache(bytesMax: 100_000)
    _ = await cache.update([update("hot", revision: 1, bytes: 1_000)])
    for number in 0..<1_000 {
      #expect(await isKept("hot", in: cache))
      _ = await cache.update([update("k\(number)", revision: Int64(number + 2), bytes: 1_000)])
    }
    #expect(await isKept("hot", in: cache))
    #expect(await isKept("k999", in: cache))
    #expect(await !isKept("k0", in: cache))
  }

  @Test("A value too large for the cache evicts the old one, and no older one comes back")
  func tooLarge() async throws {
    let cache = makeCache(bytesMax: 10_000)
    _ = await cache.update([update("k", revision: 5, bytes: 10)])
    _ = await cache.update([update("k", revision: 7, bytes: 20_000)])
    #expect(await !isKept("k", in: cache))
    _ = await cache.update([update("k", revision: 6, bytes: 10)])
    #expect(await !isKept("k", in: cache))
    #expect(await cache.statistics().keys == 0)
    #expect(await cache.statistics().bytes == 0)
    // Nor does one that a reader loads: there is no room.
    let fresh = Key(trusted: Array("fresh".utf8))
    guard case .miss(.some(let lease)) = await cache.find(fresh) else {
      Issue.record("no lease")
      return
    }
    await cache.fill(
      fresh, with: update("fresh", revision: 1, bytes: 20_000).lookup!, lease: lease)
    #expect(await !isKept("fresh", in: cache))
  }

  @Test("A value from before the cache began is kept only when a reader fills it")
  func olderThanTheCache() async {
    let clock = TestClock(Timestamp(microseconds: 1_000))
    let cache = EmbeddedCache(bytesMax: 10_000) { clock.now }
    _ = await cache.update([update("old", revision: 999, bytes: 10)])
    #expect(await !isKept("old", in: cache))
    _ = await cache.update([update("new", revision: 1_000, bytes: 10)])
    #expect(await isKept("new", in: cache))
    let old = update("old", revision: 999, bytes: 10)
    clock.advance(seconds: 5)
    guard case .miss(.some(let lease)) = await cache.find(old.key) else {
      Issue.record("no lease")
      return
    }
    await cache.fill(old.key, with: old.lookup!, lease: lease)
    #expect(await isKept("old", in: cache))
  }

  @Test("Leases are bounded, and those that have ended make room")
  func leases() async {
    let clock = TestClock()
    let cache = EmbeddedCache(bytesMax: 1 << 20, leaseSeconds: 5) { clock.now }
    func leases(_ prefix: String) async -> Int {
      var count = 0
      for number in 0..<20_000 {
        let key = Key(trusted: Array("\(prefix)\(number)".utf8))
        if case .miss(.some) = await cache.find(key) { count += 1 }
      }
      return count
    }
    #expect(await leases("a") == 16_384)
    #expect(await leases("b") == 0)
    clock.advance(seconds: 5)
    #expect(await leases("c") == 16_384)
    // They also end when the clock is set back: none is kept for an hour.
    clock.advance(seconds: -3_600)
    #expect(await leases("d") == 16_384)
    #expect(await cache.statistics().keys == 0)
  }

  @Test("Concurrent readers and writers never see a revision go back")
  func concurrency() async {
    let cache = makeCache(bytesMax: 16 << 20)
    let updates = (1...2_000).map { update("k", revision: Int64($0), bytes: 10) }
    await withTaskGroup { group in
      for start in 0..<2 {
        group.addTask {
          for index in stride(from: start, to: updates.count, by: 2) {
            _ = await cache.update([updates[index]])
          }
        }
      }
      for _ in 0..<2 {
        group.addTask {
          var last = Revision.none
          for _ in 0..<2_000 {
            guard case .hit(let lookup) = await cache.find(Key(trusted: [0x6B])) else {
              continue
            }
            #expect(lookup.revision >= last)
            last = lookup.revision
          }
        }
      }
    }
    #expect(await cache.find(Key(trusted: [0x6B])) == .hit(updates[1_999].lookup!))
  }
}
