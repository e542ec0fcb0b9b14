import Foundation
import GRDB
import GRDBSQLite

/// The database's file: how it is opened, checked and brought up to date.
struct DatabaseFile: Sendable {
  let path: String
  let configuration: EmbeddedConfiguration

  /// Files up to this size are checked page by page at start, which takes half a second; see
  /// `checkIntegrity`.
  private static let fullCheckBytesMax = 64 << 20
  /// How long SQLite waits for a lock that somebody else holds: the `sqlite3` command, a backup.
  private static let busySeconds: TimeInterval = 2

  /// Opens the file for the first time, makes its tables, and checks it.
  func openChecked() throws(EmbeddedError) -> DatabaseQueue {
    do {
      // For its owner only, as SQLite then makes the log and its index too. What goes wrong here
      // goes wrong for SQLite, which has the words for it.
      close(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
      let queue = try DatabaseQueue(path: path, configuration: connection(isReadOnly: false))
      // A file that is not ours is left as it is.
      if let refusal = try queue.writeWithoutTransaction({ try checkIdentity($0) }) {
        throw refusal
      }
      try prepare(queue)
      if let refusal = try queue.writeWithoutTransaction({ try checkIntegrity($0) }) {
        throw refusal
      }
      try Schema.migrator.migrate(queue)
      return queue
    } catch let error as EmbeddedError {
      throw error
    } catch {
      throw startError(SQLiteFailure(error))
    }
  }

  /// A connection that writes.
  ///
  /// `synchronous=FULL` is what makes a commit durable: in WAL mode, anything less does not sync
  /// the log (https://sqlite.org/pragma.html#pragma_synchronous). Pages stay at SQLite's 4 KiB:
  /// measured, smaller ones cost values of 100 KB up to twice as much CPU, larger ones make each
  /// row of a small batch 10 % dearer. No `mmap_size`: an I/O error would be a SIGBUS instead of an
  /// error code (https://sqlite.org/mmap.html).
  func openWriter() throws -> DatabaseQueue {
    let queue = try DatabaseQueue(path: path, configuration: connection(isReadOnly: false))
    try prepare(queue)
    return queue
  }

  private func prepare(_ queue: DatabaseQueue) throws {
    try queue.writeWithoutTransaction { database in
      let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
      guard mode == "wal" else {
        throw DatabaseError(
          resultCode: .SQLITE_CANTOPEN, message: "no write-ahead log on this file system")
      }
      try database.execute(sql: "PRAGMA synchronous = FULL")
      // Nothing goes to files in a temporary folder, which may be full or slow.
      try database.execute(sql: "PRAGMA temp_store = MEMORY")
      if let pagesMax = configuration.pagesMax {
        try database.execute(sql: "PRAGMA max_page_count = \(pagesMax)")
      }
    }
  }

  /// A connection that reads, next to one that writes.
  func openReader() throws -> DatabaseQueue {
    try DatabaseQueue(path: path, configuration: connection(isReadOnly: true))
  }

  private func connection(isReadOnly: Bool) -> Configuration {
    var settings = Configuration()
    settings.readonly = isReadOnly
    settings.busyMode = .timeout(DatabaseFile.busySeconds)
    settings.prepareDatabase { [configuration] database in
      try database.execute(sql: "PRAGMA cache_size = -\(configuration.pageCacheBytes / 1_024)")
    }
    return settings
  }

  /// Whether the file is one of this program's, and its schema one that the program knows. Reads
  /// the header and the schema. A new file is both.
  private func checkIdentity(_ database: GRDB.Database) throws -> EmbeddedError? {
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    if tables == 0 { return nil }
    let applicationID = try Int32.fetchOne(database, sql: "PRAGMA application_id")
    if applicationID != Schema.applicationID { return .foreign(path: path) }
    return try Schema.migrator.hasBeenSuperseded(database) ? .newerSchema(path: path) : nil
  }

  /// Looks for damage that would be noticed too late: in a file of any size, whether it is as long
  /// as its header says; up to 64 MiB also each page and index (`quick_check`).
  private func checkIntegrity(_ database: GRDB.Database) throws -> EmbeddedError? {
    // The log is copied first: until then the file may be shorter than the database.
    try database.checkpoint(.truncate)
    let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
    let pageBytes = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0
    var status = stat()
    guard stat(path, &status) == 0, Int(status.st_size) >= pages * pageBytes else {
      return .corrupt(path: path, detail: "the file is shorter than its header says")
    }
    if pages * pageBytes <= DatabaseFile.fullCheckBytesMax {
      let finding = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
      if let finding, finding != "ok" { return .corrupt(path: path, detail: finding) }
    }
    return nil
  }

  /// What an error means for somebody who starts the program.
  func startError(_ failure: SQLiteFailure) -> EmbeddedError {
    switch failure.primaryCode {
    case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt(path: path, detail: failure.message)
    case SQLITE_FULL: .noSpace(path: path, freeBytes: 0)
    case SQLITE_READONLY, SQLITE_PERM, SQLITE_CANTOPEN:
      .notWritable(path: path, reason: failure.message)
    case SQLITE_BUSY: .locked(path: path, processID: nil)
    default: .failed(path: path, detail: failure.cause)
    }
  }
}
