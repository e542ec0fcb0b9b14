import Embedded
import KeyValueStore
import StoreContracts

/// An embedded cache of 8 MiB.
final class EmbeddedCacheHarness: CacheHarness {
  private let clock = TestClock()
  private let embedded: EmbeddedCache

  init() {
    embedded = EmbeddedCache(bytesMax: 8 << 20, leaseSeconds: 5) { [clock] in clock.now }
  }

  var cache: any Cache { embedded }

  func endLeases() { clock.advance(seconds: 5) }

  func evictAll() async {
    let value = [UInt8](repeating: 0, count: 100_000)
    for number in 0..<1_000 {
      let key = Key(trusted: Array("filling \(number)".utf8))
      guard case .miss(.some(let lease)) = await embedded.look(up: key) else { continue }
      // Older than whatever a test has written.
      let time = Timestamp(microseconds: 1)
      let metadata = Metadata(
        key: key, revision: Revision(1), version: 1, size: value.count, contentType: "",
        createdAt: time, updatedAt: time, expiresAt: nil)
      await embedded.fill(
        key, with: .found(Entry(metadata: metadata, value: value)), lease: lease)
    }
  }
}
