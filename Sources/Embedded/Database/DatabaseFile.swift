import Foundation
import GRDB
import GRDBSQLite

/// The database's file: opens it, checks it and migrates its schema.
struct DatabaseFile: Sendable {
  let path: String
  let configuration: EmbeddedConfiguration

  /// Files up to this size are checked page by page at the start, which takes half a second; see
  /// `checkIntegrity`.
  private static let fullCheckBytesMax = 64 << 20
  /// How long SQLite waits for a lock of another process: the `sqlite3` command, a backup.
  private static let busySeconds: TimeInterval = 2

  /// Opens the file for the first time, checks it and creates its tables.
  func openChecked() throws(EmbeddedError) -> DatabaseQueue {
    do {
      // Creates the file for its owner only; SQLite gives its log and index the same mode. If this
      // fails, SQLite fails below and describes the error.
      close(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
      let queue = try DatabaseQueue(path: path, configuration: connection(isReadOnly: false))
      // The file of another program is not changed.
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
  /// `synchronous=FULL` makes a commit durable: in WAL mode, the lower settings do not sync the log
  /// (https://sqlite.org/pragma.html#pragma_synchronous). The page size is SQLite's default of 4
  /// KiB. Measured: with smaller pages, values of 100 KB cost up to twice as much CPU; with larger
  /// ones, each row of a small batch costs 10 % more. `mmap_size` is not set: an I/O error would be
  /// a SIGBUS instead of an error code (https://sqlite.org/mmap.html).
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
      // No temporary files: their folder may be full or slow.
      try database.execute(sql: "PRAGMA temp_store = MEMORY")
      if let pagesMax = configuration.pagesMax {
        try database.execute(sql: "PRAGMA max_page_count = \(pagesMax)")
      }
    }
  }

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

  /// Returns an error if the file belongs to another program, or its schema to a newer release.
  /// Reads the header and the schema.
  private func checkIdentity(_ database: GRDB.Database) throws -> EmbeddedError? {
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    if tables == 0 { return nil }
    let applicationID = try Int32.fetchOne(database, sql: "PRAGMA application_id")
    if applicationID != Schema.applicationID { return .foreign(path: path) }
    return try Schema.migrator.hasBeenSuperseded(database) ? .newerSchema(path: path) : nil
  }

  /// Checks for damage that would otherwise be noticed too late: whether the file is as long as its
  /// header says; up to 64 MiB also each page and index (`quick_check`).
  private func checkIntegrity(_ database: GRDB.Database) throws -> EmbeddedError? {
    // The log is copied first, because until then the file may be shorter than the database.
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

  /// The error for the operator who starts the program.
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

/// The tables, and the migrations that create them. A released migration is never changed.
private enum Schema {
  /// "kvdb": marks the file as one of this program
  /// (https://sqlite.org/pragma.html#pragma_application_id).
  static let applicationID: Int32 = 0x6B76_6462

  /// GRDB records the applied migrations in `grdb_migrations`.
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: entries, operations, idempotency") { database in
      try database.execute(sql: tables)
    }
    return migrator
  }

  /// `version` 0 marks a tombstone, so that no statement has to read a value, which may be a
  /// megabyte on overflow pages, to see whether there is one. The value is the last column for the
  /// same reason.
  ///
  /// `entries` is a rowid table with an index on the key, not `WITHOUT ROWID`. Measured: rows of
  /// 100 bytes cost the same or less, rows of 2 KB less than half, and rows of 1 MB a third,
  /// because otherwise a long row is moved whenever the tree of keys changes.
  private static let tables = """
    PRAGMA application_id = \(applicationID);
    CREATE TABLE entries (
      id INTEGER PRIMARY KEY,
      key BLOB NOT NULL UNIQUE,
      revision INTEGER NOT NULL,
      version INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      expires_at INTEGER,
      content_type TEXT NOT NULL,
      value BLOB
    ) STRICT;
    CREATE INDEX entries_expiring ON entries (expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX entries_deleted ON entries (updated_at) WHERE version = 0;
    CREATE TABLE operations (
      id TEXT PRIMARY KEY NOT NULL,
      state TEXT NOT NULL,
      revision INTEGER,
      updated_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX operations_by_age ON operations (updated_at);
    CREATE TABLE idempotency (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      fingerprint BLOB NOT NULL,
      outcome BLOB NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX idempotency_by_age ON idempotency (created_at);
    CREATE TABLE repairs (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL) STRICT;
    INSERT INTO repairs VALUES (1, 0);
    """
}
