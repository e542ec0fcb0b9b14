import KeyValueStore
import StoreContracts
import TestSupport
import Testing

@Suite("Values of changes", .timeLimit(.minutes(1)))
struct FollowingTests {
  let backing = Backing()

  /// Writes past the cache, and returns the change.
  private func change(_ write: Write) async throws -> Change {
    let receipt = try #require(try await backing.database.write([write]).first)
    let metadata = try #require(receipt.stored)
    return Change(key: write.key, revision: metadata.revision, kind: .put(metadata))
  }

  private func texts(_ values: [[UInt8]?]) -> [String?] {
    values.map { value in value.map { String(decoding: $0, as: UTF8.self) } }
  }

  private var lookups: [[String]] {
    backing.database.calls.reads.map { $0.map(\.text) }
  }

  @Test("What the cache knows is not read from the database, and the rest in one look-up")
  func cached() async throws {
    let loop = Loop(backing)
    var changes: [Change] = []
    for name in ["a", "b", "c", "d"] { changes.append(try await change(put(name, "\(name)1"))) }
    for name in ["a", "c"] { _ = try await loop.get(key(name)) }
    let before = lookups.count
    #expect(texts(await loop.values(of: changes)) == ["a1", "b1", "c1", "d1"])
    #expect(Array(lookups[before...]) == [["b", "d"]])
    let event = RecordingObserver.Event.readBatch(keys: 2, readers: 2, error: nil)
    #expect(backing.observer.events.contains(event))
    #expect(await loop.values(of: []) == [])
  }

  @Test("Of the changes of one key only the last can have a value, and no deletion has one")
  func sameKey() async throws {
    let loop = Loop(backing)
    let first = try await change(put("a", "1"))
    let second = try await change(put("a", "2"))
    let deletion = Change(key: key("b"), revision: Revision(1), kind: .delete)
    #expect(texts(await loop.values(of: [second, deletion, first])) == ["2", nil, nil])
    #expect(lookups == [["a"]])
    // Overwritten by what is not among them.
    _ = try await change(put("a", "3"))
    #expect(await loop.values(of: [second]) == [nil])
    _ = try await backing.database.write([delete("a")])
    #expect(await loop.values(of: [second]) == [nil])
  }

  @Test("A cache that is behind the change is not believed")
  func oldCache() async throws {
    let loop = Loop(backing)
    _ = try await change(put("a", "1"))
    _ = try await loop.get(key("a"))
    let second = try await change(put("a", "2"))
    #expect(texts(await loop.values(of: [second])) == ["2"])
  }

  @Test("What has expired has no value")
  func expired() async throws {
    let loop = Loop(backing)
    let short = try await change(put("a", "1", timeToLive: 10))
    _ = try await loop.get(key("a"))
    #expect(texts(await loop.values(of: [short])) == ["1"])
    backing.clock.advance(seconds: 11)
    #expect(await loop.values(of: [short]) == [nil])
    backing.cache.memory.evictAll()
    #expect(await loop.values(of: [short]) == [nil])
  }

  @Test("What can't be read has no value, and does not hold up the rest")
  func unavailable() async throws {
    let loop = Loop(backing)
    let changes = [try await change(put("a", "1")), try await change(put("b", "2"))]
    _ = try await loop.get(key("b"))
    backing.database.fail(with: databaseAway)
    #expect(texts(await loop.values(of: changes)) == [nil, "2"])
  }
}
