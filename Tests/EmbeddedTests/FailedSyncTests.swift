import Foundation
import GRDB
import KeyValueStore
import Synchronization
import Testing

@testable import Embedded

/// The writer on the test's own thread, with a log that fails to be synced when told so.
private final class DyingDisk {
  let folder: TemporaryFolder
  let file: DatabaseFile
  let jobs = JobQueue<WriteSession>(jobsMax: 10, weightMax: 1 << 20)
  let counters = DatabaseCounters()
  let clock = TestClock()
  private let configuration: EmbeddedConfiguration

  init() throws {
    folder = try TemporaryFolder()
    var configuration = EmbeddedConfiguration.folder(folder.path)
    configuration.now = { [clock] in clock.now }
    self.configuration = configuration
    file = DatabaseFile(path: folder.path + "/store.sqlite", configuration: configuration)
  }

  /// Writes `keys`, each in a transaction of its own, of which those after the first see
  /// `failures` syncs fail; then the process dies. Returns what each caller was told, and what is
  /// found in the log.
  func write(
    _ keys: [String], failures: Int
  ) async throws -> (answers: [StoreError?], found: [String]) {
    let connection = try file.openChecked()
    // Keeps the log from being removed when the writer closes its connection, as readers do.
    let reader = try file.openReader()
    _ = try await reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM entries") }
    try await connection.write { try $0.execute(sql: "UPDATE repairs SET count = 0") }
    try FailingDisk.install(on: connection)
    let writer = Writer(
      file: file, connection: connection, queue: jobs, counters: counters,
      configuration: configuration)
    let jobs = self.jobs
    var answers: [StoreError?] = []
    for (index, key) in keys.enumerated() {
      if index == 1 { FailingDisk.failures.store(failures, ordering: .relaxed) }
      async let answer = DyingDisk.submit(key, to: jobs)
      while jobs.depth == 0 { await Task.yield() }
      writer.carryOutNext()
      answers.append(await answer)
      clock.advance(seconds: 2)
    }
    FailingDisk.failures.store(0, ordering: .relaxed)
    let copy = folder.path(of: "copy")
    try StoreFile(in: folder.path).copyAfterCrash(to: copy)
    let survivor = try EmbeddedDatabase(.folder(copy))
    let found = try await survivor.list(PageRequest()).items.map(\.metadata.key.text)
    await survivor.close()
    withExtendedLifetime(reader) {}
    return (answers, found)
  }

  /// What SQLite alone makes of a commit whose fsync fails: undone for now, and back after a crash.
  func writeWithoutCare(_ key: String) throws -> (before: Int?, after: Int?) {
    let connection = try file.openChecked()
    let count = "SELECT count(*) FROM entries"
    try connection.write { try $0.execute(sql: "UPDATE repairs SET count = 0") }
    try FailingDisk.install(on: connection)
    FailingDisk.failures.store(1, ordering: .relaxed)
    #expect(throws: DatabaseError.self) {
      try connection.write {
        try $0.execute(
          sql: """
            INSERT INTO entries (key, revision, version, created_at, updated_at, content_type)
            VALUES (?, 1, 0, 0, 0, '')
            """, arguments: [Data(key.utf8)])
      }
    }
    let before = try connection.read { try Int.fetchOne($0, sql: count) }
    let copy = folder.path(of: "copy")
    try StoreFile(in: folder.path).copyAfterCrash(to: copy)
    let survivor = try DatabaseQueue(path: copy + "/store.sqlite")
    return (before, try survivor.read { try Int.fetchOne($0, sql: count) })
  }

  private static func submit(
    _ key: String, to jobs: JobQueue<WriteSession>
  ) async -> StoreError? {
    do {
      _ = try await jobs.call(weight: 1) { session throws(SQLiteFailure) in
        try session.write(.put(key))
      }
      return nil
    } catch {
      return error
    }
  }
}

@Suite("A commit whose fsync fails", .serialized)
struct FailedSyncTests {
  @Test("Without care it would come back after a crash, though it had failed")
  func trap() throws {
    let (before, after) = try DyingDisk().writeWithoutCare("a")
    #expect(before == 0)
    #expect(after == 1)
  }

  @Test("It is undone for good before its callers are told that nothing was written")
  func undone() async throws {
    let (answers, found) = try await DyingDisk().write(["a", "b"], failures: 1)
    try #require(answers.count == 2)
    #expect(answers[0] == nil)
    guard case .unavailable? = answers[1] else {
      Issue.record("\(String(describing: answers[1]))")
      return
    }
    #expect(found == ["a"])
  }

  @Test("When it can't be undone either, its callers are told that nobody knows")
  func unknown() async throws {
    let (answers, found) = try await DyingDisk().write(["a", "b"], failures: 2)
    try #require(answers.count == 2)
    guard case .outcomeUnknown? = answers[1] else {
      Issue.record("\(String(describing: answers[1]))")
      return
    }
    #expect(found.contains("a"))
  }

  @Test("Afterwards the writer opens the database again and goes on")
  func recovery() async throws {
    let (answers, found) = try await DyingDisk().write(["a", "b", "c"], failures: 2)
    try #require(answers.count == 3)
    #expect(answers[2] == nil)
    #expect(found == ["a", "c"])
  }
}
