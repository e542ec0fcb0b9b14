import GRDB
import GRDBSQLite
import Synchronization

/// Makes a connection's log fail to be synced, as a disk does that is dying.
///
/// Replaces one entry of the method table of SQLite's open log file
/// (https://sqlite.org/c3ref/io_methods.html) by a function that asks `failures` first.
enum FailingDisk {
  /// How many syncs of the log are to fail; those that failed are counted down.
  static let failures = Atomic(0)

  /// What the method table held. Tests that use it run one after the other.
  nonisolated(unsafe) private static var original: sqlite3_io_methods?

  /// The table that takes its place, for ever: a file keeps the pointer until it is closed. Written
  /// by `install` only, so by one test at a time.
  nonisolated(unsafe) private static let table = UnsafeMutablePointer<sqlite3_io_methods>.allocate(
    capacity: 1)

  /// Takes hold of the log of `queue`, which must have written once.
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
