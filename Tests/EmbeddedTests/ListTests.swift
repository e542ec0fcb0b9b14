import KeyValueStore
import StoreContracts
import TestSupport
import Testing

@testable import Embedded

@Suite("Lists and counts stay short beside many keys")
struct ListTests {
  /// Writes `live` keys, and others that are deleted again.
  private func fill(
    _ database: EmbeddedDatabase, live: [String], deleted: [String]
  ) async throws {
    for keys in [live, deleted] {
      for start in stride(from: 0, to: keys.count, by: 5_000) {
        let part = keys[start..<min(start + 5_000, keys.count)]
        _ = try await database.write(part.map { .put($0, "") })
      }
    }
    for start in stride(from: 0, to: deleted.count, by: 5_000) {
      let part = deleted[start..<min(start + 5_000, deleted.count)]
      _ = try await database.write(part.map { .delete($0) })
    }
  }

  @Test(
    "A page over 100,000 deleted keys lets other reads go first, and ends when its time is over")
  func deleted() async throws {
    let harness = try EmbeddedDatabaseHarness { $0.listTime = .zero }
    let deleted = (0..<100_000).map { "m/\(100_000 + $0)" }
    try await fill(harness.embedded, live: ["a", "z"], deleted: deleted)
    for isReversed in [false, true] {
      var request = PageRequest(delimiter: [0x2F], isReversed: isReversed)
      var (pages, listed) = (0, [String]())
      while true {
        let page = try await harness.embedded.list(request)
        pages += 1
        listed += page.items.map(\.metadata.key.text)
        #expect(page.prefixes.isEmpty)
        guard let next = page.next else { break }
        request.after = next
      }
      #expect(listed == (isReversed ? ["z", "a"] : ["a", "z"]))
      #expect((40...60).contains(pages))
    }
    await harness.embedded.close()
  }

  @Test("A page over 100,000 hidden keys reads one of them, a page of siblings a page")
  func folded() async throws {
    let harness = try EmbeddedDatabaseHarness { $0.listTime = .zero }
    let keys = (0..<50_000).flatMap { ["deep/\(100_000 + $0)", "flat\(100_000 + $0)/x"] }
    try await fill(harness.embedded, live: keys, deleted: [])
    // With no time for a second step, a page that reads too much would be short.
    let first = try await harness.embedded.list(PageRequest(delimiter: [0x2F], entriesMax: 1_000))
    #expect(first.prefixes.count == 1_000 && first.prefixes[0] == Key("deep/"))
    let last = try await harness.embedded.list(
      PageRequest(delimiter: [0x2F], isReversed: true, entriesMax: 1_000))
    #expect(last.prefixes.count == 1_000 && last.prefixes[0] == Key("flat149999/"))
    let count = try await harness.embedded.count(prefix: Array("deep".utf8), within: .seconds(30))
    #expect(count == LiveCount(50_000, isAtLeast: false))
    await harness.embedded.close()
  }

  @Test("Too many counts at a time are refused, and none after the end")
  func overloaded() async throws {
    let harness = try EmbeddedDatabaseHarness()
    try await fill(harness.embedded, live: (0..<5_000).map { "k\($0)" }, deleted: [])
    let database = harness.embedded
    let refused = await withTaskGroup { group in
      for _ in 0..<200 {
        group.addTask {
          do throws(StoreError) {
            let count = try await database.count(prefix: [], within: .seconds(30))
            return count != LiveCount(5_000, isAtLeast: false)
          } catch {
            #expect(error == .overloaded(retryAfter: 1))
            return true
          }
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect((1..<200).contains(refused))
    await database.close()
    await #expect(throws: StoreError.self) { try await database.count(prefix: [], within: .zero) }
  }
}
