import KeyValueStore
import Testing

@testable import Redis
import TestSupport

@Suite("Entries in Redis are what was put there, or nothing")
struct EntryEncodingTests {
  private static let lookups: [Lookup] = [
    .sample("k", 1_700_000_000_000_000),
    .sample("k", 1, value: []),
    .sample("k", .max, value: (0...255).map { UInt8($0) }, contentType: ""),
    .sample("k", 5, expiresAt: Timestamp(microseconds: 0)),
    .sample("k", 5, value: [UInt8](repeating: 9, count: 1 << 20), contentType: "é/é"),
    .absent(Revision(1_700_000_000_000_000)), .absent(.none), .absent(Revision(.max)),
  ]

  private func bytes(of payload: EntryPayload) -> [UInt8] {
    var bytes: [UInt8] = [1, 2, 3]
    payload.write(to: &bytes)
    #expect(bytes.count == payload.count + 3)
    return Array(bytes.dropFirst(3))
  }

  private func decode(_ bytes: [UInt8]) -> StoredState {
    var decoder = EntryDecoder()
    return bytes.withUnsafeBytes { decoder.decode($0, of: Key("k")) }
  }

  @Test("Every entry and every absence comes back")
  func roundTrip() {
    // Not arguments of the test, which are printed: one of them has a mebibyte.
    for lookup in Self.lookups {
      #expect(decode(bytes(of: EntryPayload(lookup))) == .known(lookup))
    }
  }

  @Test("One decoder keeps content types apart")
  func contentTypes() {
    var decoder = EntryDecoder()
    for type in ["text/plain; charset=utf-8", "", "text/plain; charset=utf-8", "text/html"] {
      let lookup = Lookup.sample("k", 1, contentType: type)
      let decoded = bytes(of: EntryPayload(lookup)).withUnsafeBytes {
        decoder.decode($0, of: Key("k"))
      }
      #expect(decoded == .known(lookup))
    }
  }

  @Test("Damaged bytes are no entry: each bit counts")
  func flips() {
    for lookup in [Lookup.sample("k", 1_700_000_000_000_000), .absent(Revision(7))] {
      let good = bytes(of: EntryPayload(lookup))
      for index in good.indices {
        for bit in 0..<8 {
          var bad = good
          bad[index] ^= 1 << UInt8(bit)
          if case .known = decode(bad) { Issue.record("bit \(bit) of byte \(index)") }
        }
      }
    }
  }

  @Test("A part of an entry is no entry, nor is an entry with something after it")
  func lengths() {
    for lookup in [Lookup.sample("k", 1_700_000_000_000_000), .absent(Revision(7))] {
      let good = bytes(of: EntryPayload(lookup))
      for count in 0..<good.count { #expect(decode(Array(good[..<count])) == .unavailable) }
      #expect(decode(good + [0]) == .unavailable)
    }
  }

  @Test("A format from the future is a miss")
  func future() {
    var bytes = bytes(of: EntryPayload(.sample("k", 3)))
    bytes[1] = UInt8(ascii: "2")
    #expect(decode(bytes) == .unavailable)
    bytes[0] = UInt8(ascii: "z")
    #expect(decode(bytes) == .unavailable)
  }

  @Test("A floor serves nothing and lets its reader ask for a lease; a lease does not")
  func others() {
    let floor = bytes(of: .floor(Revision(42)))
    #expect(String(decoding: floor, as: UTF8.self) == "f10000000000000000042")
    #expect(decode(floor) == .vacant)
    #expect(decode(Array("l100000000000000000420123456789abcdef".utf8)) == .unavailable)
  }

  @Test("Random bytes are no entry")
  func noise() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<10_000 {
      let count = Int.random(in: 0..<200, using: &random)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      if bytes.count > 2 { bytes.replaceSubrange(0..<2, with: Array("v1".utf8)) }
      if case .known = decode(bytes) { Issue.record("\(bytes)") }
    }
  }

  @Test("A content type too long for its length is not cached")
  func longContentType() {
    let lookup = Lookup.sample("k", 3, contentType: String(repeating: "x", count: 70_000))
    #expect(decode(bytes(of: EntryPayload(lookup))) == .vacant)
  }
}
