import Foundation
import KeyValueStore
import Observability
import StoreContracts
import Synchronization
import TestSupport
import Testing

@testable import Embedded

@Suite("A running database loses nothing, and reports when it can't write")
struct RunningTests {
  @Test("Writes that were acknowledged survive a crash, without a shutdown")
  func crash() async throws {
    let harness = try EmbeddedDatabaseHarness()
    for number in 0..<50 {
      _ = try await harness.embedded.write([.put("k\(number)", [UInt8(number)])])
    }
    let copy = harness.folder.path(of: "copy")
    try StoreFile(in: harness.folder.path(of: "data")).copyAfterCrash(to: copy)
    let survivor = try EmbeddedDatabase(.folder(copy))
    for number in 0..<50 {
      #expect(try await survivor.value("k\(number)") == [UInt8(number)])
    }
    await survivor.close()
    await harness.embedded.close()
  }

  /// Writes until the database refuses; returns how many were acknowledged.
  private func fill(_ database: EmbeddedDatabase, _ prefix: String) async throws -> Int {
    for number in 0..<10_000 {
      do {
        let value = [UInt8](repeating: UInt8(number & 0xFF), count: 20_000)
        _ = try await database.write([.put("\(prefix)\(number)", value)])
      } catch {
        #expect(isUnavailable(error), "\(error)")
        return number
      }
    }
    throw CocoaError(.fileWriteUnknown)
  }

  private func checkFilled(
    _ database: EmbeddedDatabase, _ prefix: String, count: Int
  ) async throws {
    for number in 0..<count {
      let value = try await database.value("\(prefix)\(number)")
      #expect(value == [UInt8](repeating: UInt8(number & 0xFF), count: 20_000))
    }
    #expect(try await database.value("\(prefix)\(count)") == nil)
  }

  @Test("A database at its limit refuses writes, keeps all others, and writes again with room")
  func limit() async throws {
    let harness = try EmbeddedDatabaseHarness { $0.pagesMax = 200 }
    let database = harness.embedded
    let count = try await fill(database, "a")
    #expect(count > 10)
    try await checkFilled(database, "a", count: count)
    await #expect {
      try await database.write([.put("more", [UInt8](repeating: 1, count: 20_000))])
    } throws: {
      ($0 as? StoreError)?.cause.contains("full") == true
    }
    #expect(harness.metrics.failures.value == 2)
    // Deleting makes room: the tombstones stay, but the pages of the values are free.
    _ = try await database.write(
      (0..<count).map {
        Write(key: Key(trusted: Array("a\($0)".utf8)), mutation: .delete)
      })
    #expect(try await fill(database, "b") > 10)
    await database.close()
  }

  @Test(
    "A full disk: nothing acknowledged is lost, and writes work again once there is space",
    .enabled(if: SmallDisk.isPermitted))
  func fullDisk() async throws {
    let disk = try SmallDisk(kilobytes: 6_000)
    let path = disk.folder.path
    let ballast = path + "/ballast"
    try Data(count: 2_500_000).write(to: URL(fileURLWithPath: ballast))
    var configuration = EmbeddedConfiguration.folder(path)
    configuration.checkpointPages = 100
    let database = try EmbeddedDatabase(configuration)
    let count = try await fill(database, "a")
    #expect(count > 10)
    try await checkFilled(database, "a", count: count)
    await #expect(throws: StoreError.self) { try await database.checkHealth() }
    await #expect(throws: StoreError.self) { try await database.write([.put("more")]) }

    try FileManager.default.removeItem(atPath: ballast)
    _ = try await database.write([.put("more")])
    try await database.checkHealth()
    let more = try await fill(database, "b")
    #expect(more > 10)
    try await checkFilled(database, "a", count: count)
    // As after kill -9 at this moment, on another disk.
    let copy = try TemporaryFolder()
    try StoreFile(in: path).copyAfterCrash(to: copy.path(of: "data"))
    let survivor = try EmbeddedDatabase(.folder(copy.path(of: "data")))
    try await checkFilled(survivor, "a", count: count)
    try await checkFilled(survivor, "b", count: more)
    await survivor.close()
    await database.close()
  }

  @Test("Damage that is found at run time makes calls fail, and never answers wrong")
  func damage() async throws {
    let harness = try EmbeddedDatabaseHarness { $0.pageCacheBytes = 16_384 }
    let keys = (0..<500).map { "k\($0)" }
    _ = try await harness.embedded.write(keys.map { .put($0, Array(repeating: 7, count: 1_000)) })
    // Everything is in the file now, and almost nothing in memory.
    try await harness.reopen()
    let file = StoreFile(in: harness.folder.path(of: "data"))
    try file.overwrite(at: 4_096, with: [UInt8](repeating: 0xEE, count: file.bytes - 4_096))
    let database = harness.embedded
    for _ in 0..<2 {
      do {
        for key in keys { _ = try await database.value(key) }
        Issue.record("read")
      } catch {
        #expect(isUnavailable(error))
      }
      do {
        _ = try await database.write(keys.map { .put($0) })
        Issue.record("written")
      } catch {
        #expect(isUnavailable(error))
      }
      harness.clock.advance(seconds: 2)
    }
    #expect(harness.metrics.failures.value >= 4)
    await database.close()
  }

  @Test("A closed database refuses calls, and closing it twice is no error")
  func closed() async throws {
    let harness = try EmbeddedDatabaseHarness()
    await harness.embedded.close()
    await harness.embedded.close()
    await #expect(throws: StoreError.self) { try await harness.embedded.read([]) }
    await #expect(throws: StoreError.self) { try await harness.embedded.write([.put("k")]) }
    await #expect(throws: StoreError.self) { try await harness.embedded.checkHealth() }
  }

  @Test("A long log is copied into the database and used again from its start")
  func checkpoints() async throws {
    let harness = try EmbeddedDatabaseHarness { $0.checkpointPages = 50 }
    for number in 0..<200 {
      _ = try await harness.embedded.write([
        // SQLite does not write pages that do not change.
        .put("k\(number % 5)", Array(repeating: UInt8(number), count: 20_000))
      ])
    }
    #expect(harness.metrics.checkpoints.value > 10)
    let log = try FileManager.default.attributesOfItem(
      atPath: harness.folder.path(of: "data/store.sqlite-wal"))
    // 200 writes of 5 pages and more are 4 MB of log.
    #expect(try #require(log[.size] as? Int) < 600_000)
    await harness.embedded.close()
  }

  @Test("A reader that stays makes the log grow for a while, and no write fail")
  func lastingReader() async throws {
    let harness = try EmbeddedDatabaseHarness { $0.checkpointPages = 20 }
    let database = harness.embedded
    let data = harness.folder.path(of: "data")
    func logBytes() throws -> Int {
      let attributes = try FileManager.default.attributesOfItem(
        atPath: data + "/store.sqlite-wal")
      return try #require(attributes[.size] as? Int)
    }
    var number = 0
    func writeUntil(_ isOver: () throws -> Bool) async throws {
      while try !isOver(), number < 2_000 {
        number += 1
        let value = [UInt8](repeating: UInt8(number & 0xFF), count: 20_000)
        _ = try await database.write([.put("k\(number % 5)", value)])
      }
    }
    let reader = try StoreFile(in: data).openReader()
    // A copy of the log has failed because of the reader.
    try await writeUntil { harness.metrics.failures.value > 0 }
    let grown = try logBytes()
    #expect(grown > 80 * 4_096)
    reader.close()
    number = 0
    let checkpoints = harness.metrics.checkpoints.value
    try await writeUntil { harness.metrics.checkpoints.value >= checkpoints + 5 }
    #expect(try logBytes() <= 3 * grown)
    #expect(try await database.value("k0") != nil)
    await database.close()
  }
}
