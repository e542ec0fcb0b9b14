import KeyValueStore
import TestSupport
import Testing

/// Many clients on several loops.
@Suite("Under random load", .timeLimit(.minutes(1)))
struct RandomizedTests {
  @Test("Every request is answered, revisions are unique, and no read returns a replaced value")
  func randomLoad() async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var limits = StoreLimits()
    limits.batchWritesMax = 5
    limits.batchReadsMax = 3
    let backing = Backing()
    let loops = [Loop(backing, limits: limits), Loop(backing, limits: limits)]
    let revisions = try await withThrowingTaskGroup(of: [Key: [Revision]].self) { group in
      for client in 0..<16 {
        group.addTask {
          var random = SeededGenerator(seed: seed &+ UInt64(client))
          return try await run(on: loops, backing: backing, random: &random)
        }
      }
      var all: [Key: [Revision]] = [:]
      for try await revisions in group { all.merge(revisions) { $0 + $1 } }
      return all
    }
    for (key, revisions) in revisions {
      #expect(Set(revisions).count == revisions.count, "seed \(seed)")
      let last = try await backing.database.read([key])[0]
      #expect(last.revision >= revisions.max()!, "seed \(seed)")
      let reading = try await loops[0].get(key)
      #expect(reading.entry == last.entry, "seed \(seed)")
    }
  }

  /// One client. Returns the revisions that it wrote, by key, in order.
  private func run(
    on loops: [Loop], backing: Backing, random: inout SeededGenerator
  ) async throws -> [Key: [Revision]] {
    var mine: [Key: [Revision]] = [:]
    for step in 0..<200 {
      let loop = loops[Int.random(in: 0..<2, using: &random)]
      let name = "key \(Int.random(in: 0..<4, using: &random))"
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        backing.cache.memory.evict(key(name))
      case 1..<5:
        let receipt = try await loop.write(put(name, "\(step)"))
        mine[key(name), default: []].append(try #require(receipt.stored).revision)
      default:
        let isFresh = Bool.random(using: &random)
        let reading = try await loop.get(key(name), isFresh: isFresh)
        if let written = mine[key(name)]?.last {
          #expect(try #require(reading.entry).metadata.revision >= written)
        }
      }
    }
    for (_, revisions) in mine { #expect(revisions == revisions.sorted()) }
    return mine
  }
}
