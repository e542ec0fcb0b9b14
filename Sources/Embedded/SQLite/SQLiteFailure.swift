import GRDB
import GRDBSQLite
import KeyValueStore

/// A call of SQLite's that failed.
struct SQLiteFailure: Error, Equatable {
  /// The extended result code (https://sqlite.org/rescode.html).
  let code: Int32
  /// SQLite's own words. They name no key and no value.
  let message: String

  init(code: Int32, message: String) {
    self.code = code
    self.message = message
  }

  /// What the connection says about its last call. Its thread only.
  init(of connection: OpaquePointer?) {
    code = sqlite3_extended_errcode(connection)
    message = String(cString: sqlite3_errmsg(connection))
  }

  /// An error of GRDB's. One that is not SQLite's becomes `SQLITE_ERROR`.
  init(_ error: any Error) {
    let failure = error as? DatabaseError
    code = failure?.extendedResultCode.rawValue ?? SQLITE_ERROR
    message = failure?.message ?? "\(error)"
  }

  /// The code without its extension.
  var primaryCode: Int32 { code & 0xFF }

  /// Whether a new connection may help: not when there is no room or somebody else is at work.
  var asksForReconnect: Bool {
    ![SQLITE_FULL, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM].contains(primaryCode)
  }

  /// Nothing was written; the error says for how many seconds to stay away.
  var unavailable: StoreError { .unavailable(cause: cause, retryAfter: retryAfter) }

  /// What went wrong, for operators.
  var cause: String { "SQLite: \(message) (code \(code))" }

  private var retryAfter: Int {
    switch primaryCode {
    case SQLITE_BUSY, SQLITE_LOCKED: 1
    // Somebody has to free space, mount a disk or restore a backup.
    default: 10
    }
  }
}
