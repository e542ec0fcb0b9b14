import Foundation
import GRDB
import GRDBSQLite
import KeyValueStore
import Observability
import Synchronization
import TestSupport
import Testing

@testable import Embedded

/// The writer on the test's own thread, with a log whose syncs can be made to fail.
private final class DyingDisk {
  let folder: TemporaryFolder
  let file: DatabaseFile
  let metrics = EmbeddedMetrics(in: MetricsRegistry())
  let jobs: JobQueue<WriteSession>
  let clock = TestClock()
  private let configuration: EmbeddedConfiguration
  /// The numbers of the commits that succeeded.
  private(set) var commits: [Int64] = []

  init() throws {
    folder = try TemporaryFolder()
    jobs = JobQueue(jobsMax: 10, weightMax: 1 << 20, queued: metrics.queuedWrites)
    var configuration = EmbeddedConfiguration.folder(folder.path)
    configuration.now = { [clock] in clock.now }
    self.configuration = configuration
    file = DatabaseFile(path: folder.path + "/store.sqlite", configuration: configuration)
  }

  /// Writes `keys`, each in a transaction of its own. After the first one, `failures` syncs fail.
  /// Returns the answers, and the keys that are found after a crash.
  func write(
    _ keys: [String], failures: Int
  ) async throws -> (answers: [StoreError?], found: [String]) {
    let connection = try file.openChecked()
    // An open reader, so that the log is not removed when the writer closes its connection.
    let reader = try file.openReader()
    _ = try await reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM entries") }
    try await connection.write { try $0.execute(sql: "UPDATE repairs SET count = 0") }
    try FailingDisk.install(on: connection)
    let writer = Writer(
      file: file, connection: connection, queue: jobs, metrics: metrics,
      configuration: configuration)
    let jobs = self.jobs
    var answers: [StoreError?] = []
    for (index, key) in keys.enumerated() {
      if index == 1 { FailingDisk.failures.store(failures, ordering: .relaxed) }
      async let answer = DyingDisk.submit(key, to: jobs)
      while metrics.queuedWrites.value == 0 { await Task.yield() }
      writer.commitNext()
      switch await answer {
      case .success(let commit):
        commits.append(commit)
        answers.append(nil)
      case .failure(let error): answers.append(error)
      }
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

  /// A commit whose fsync fails, with SQLite alone: it is undone now, and back after a crash.
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
  ) async -> Result<Int64, StoreError> {
    do throws(StoreError) {
      let receipts = try await jobs.call(weight: 1) { session throws(SQLiteFailure) in
        try session.write(each: [.put(key)])
      }
      return .success(receipts[0].outbox?.number ?? -1)
    } catch {
      return .failure(error)
    }
  }
}

@Suite("A commit whose fsync fails", .serialized)
struct FailedSyncTests {
  @Test("With SQLite alone, it comes back after a crash although it failed")
  func trap() throws {
    let (before, after) = try DyingDisk().writeWithoutCare("a")
    #expect(before == 0)
    #expect(after == 1)
  }

  @Test("It is undone for good before its callers learn that nothing was written")
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

  @Test("If it can't be undone either, its outcome is unknown")
  func unknown() async throws {
    let (answers, found) = try await DyingDisk().write(["a", "b"], failures: 2)
    try #require(answers.count == 2)
    guard case .outcomeUnknown? = answers[1] else {
      Issue.record("\(String(describing: answers[1]))")
      return
    }
    #expect(found.contains("a"))
  }

  @Test("Afterwards the writer opens the database again and continues")
  func recovery() async throws {
    let (answers, found) = try await DyingDisk().write(["a", "b", "c"], failures: 2)
    try #require(answers.count == 3)
    #expect(answers[2] == nil)
    #expect(found == ["a", "c"])
  }

  @Test("The numbers of commits have no gap where one failed", arguments: [1, 2])
  func numbers(failures: Int) async throws {
    let disk = try DyingDisk()
    _ = try await disk.write(["a", "b", "c"], failures: failures)
    #expect(disk.commits == [0, 1])
  }
}

/// Makes the syncs of a connection's log fail, as a failing disk does.
///
/// Replaces one entry of the method table of SQLite's open log file
/// (https://sqlite.org/c3ref/io_methods.html) by a function that checks `failures` first.
enum FailingDisk {
  /// The number of syncs of the log that will fail; each failure decrements it.
  static let failures = Atomic(0)

  /// The original method table. The tests that use it run one after the other.
  nonisolated(unsafe) private static var original: sqlite3_io_methods?

  /// The table that replaces it. It is never freed, because a file keeps the pointer until it is
  /// closed. Only `install` writes it, and so one test at a time.
  nonisolated(unsafe) private static let table = UnsafeMutablePointer<sqlite3_io_methods>.allocate(
    capacity: 1)

  /// Replaces the methods of the log of `queue`, which must have written once.
  static func install(on queue: DatabaseQueue) throws {
    try queue.writeWithoutTransaction { database in
      var file: UnsafeMutablePointer<sqlite3_file>?
      let code = sqlite3_file_control(
        database.sqliteConnection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
      guard code == SQLITE_OK, let file, let methods = file.pointee.pMethods else {
        throw DatabaseError(resultCode: .SQLITE_MISUSE)
      }
      original = methods.pointee
      table.initialize(to: methods.pointee)
      table.pointee.xSync = { file, flags in
        if FailingDisk.failures.load(ordering: .relaxed) > 0 {
          FailingDisk.failures.subtract(1, ordering: .relaxed)
          return SQLITE_IOERR | 4 << 8  // SQLITE_IOERR_FSYNC, a macro that is not imported
        }
        return FailingDisk.original?.xSync(file, flags) ?? SQLITE_IOERR
      }
      file.pointee.pMethods = UnsafePointer(table)
    }
  }
}
