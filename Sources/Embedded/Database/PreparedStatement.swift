import GRDB
import GRDBSQLite
import KeyValueStore

/// A compiled statement that is bound and stepped through SQLite's C interface, because GRDB's rows
/// and arguments cost several times as much as SQLite itself for a small row.
///
/// Not Sendable: it belongs to the thread of its connection, and must be released before the
/// connection is closed.
final class PreparedStatement {
  /// Owns and finalizes the C statement.
  private let statement: Statement
  private let handle: OpaquePointer
  private let connection: OpaquePointer?

  init(_ sql: String, on database: GRDB.Database) throws(SQLiteFailure) {
    do {
      statement = try database.makeStatement(sql: sql)
    } catch {
      throw SQLiteFailure(error)
    }
    handle = statement.sqliteStatement
    connection = database.sqliteConnection
  }

  // MARK: Binding. Positions count from 1 (https://sqlite.org/c3ref/bind_blob.html).

  /// Binds a copy of `bytes` as a BLOB.
  func bind(_ bytes: [UInt8], at position: Int32) {
    bytes.withUnsafeBytes { bind($0, at: position, destructor: .transient) }
  }

  /// Lends `bytes` to SQLite as a BLOB, without a copy, until `body` returns. `body` must run the
  /// statement to its end.
  func lending<Result>(
    _ bytes: [UInt8], at position: Int32,
    to body: () throws(SQLiteFailure) -> Result
  ) throws(SQLiteFailure) -> Result {
    do {
      return try bytes.withUnsafeBytes { buffer in
        bind(buffer, at: position, destructor: .static)
        // A reset does not release the pointer, which must not outlive the closure.
        defer {
          sqlite3_reset(handle)
          sqlite3_bind_null(handle, position)
        }
        return try body()
      }
    } catch {
      throw error as? SQLiteFailure ?? SQLiteFailure(error)
    }
  }

  /// Binds a copy of `text`, or NULL.
  func bind(_ text: String?, at position: Int32) {
    guard let text else {
      sqlite3_bind_null(handle, position)
      return
    }
    // A null pointer would bind NULL; the address of a C string is never null.
    text.withCString { address in
      _ = sqlite3_bind_text(
        handle, position, address, Int32(text.utf8.count), Destructor.transient.function)
    }
  }

  /// Binds a number, or NULL.
  func bind(_ number: Int64?, at position: Int32) {
    if let number {
      sqlite3_bind_int64(handle, position, number)
    } else {
      sqlite3_bind_null(handle, position)
    }
  }

  private func bind(
    _ bytes: UnsafeRawBufferPointer, at position: Int32, destructor: Destructor
  ) {
    guard let address = bytes.baseAddress, !bytes.isEmpty else {
      // A null pointer would bind NULL, which is a tombstone and not an empty value.
      sqlite3_bind_zeroblob(handle, position, 0)
      return
    }
    sqlite3_bind_blob(handle, position, address, Int32(bytes.count), destructor.function)
  }

  // MARK: Stepping

  /// Goes to the next row. After the last one, it resets the statement and returns false.
  func step() throws(SQLiteFailure) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW:
      return true
    case SQLITE_DONE:
      sqlite3_reset(handle)
      return false
    default:
      let failure = SQLiteFailure(of: connection)
      sqlite3_reset(handle)
      throw failure
    }
  }

  /// Runs a statement to its end and ignores its rows.
  func run() throws(SQLiteFailure) {
    while try step() {}
  }

  /// Ends a run before its last row has been read.
  func reset() { sqlite3_reset(handle) }

  /// Rows that the last run changed.
  var changes: Int { Int(sqlite3_changes64(connection)) }

  // MARK: Columns of the current row. They count from 0.

  /// A number; 0 for NULL.
  func number(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  /// A number, or nil for NULL.
  func optionalNumber(_ column: Int32) -> Int64? {
    sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : number(column)
  }

  /// A copy of a BLOB; empty for NULL.
  func bytes(_ column: Int32) -> [UInt8] {
    // The address first: https://sqlite.org/c3ref/column_blob.html calls this the safest order.
    let address = sqlite3_column_blob(handle, column)
    let count = Int(sqlite3_column_bytes(handle, column))
    return Array(UnsafeRawBufferPointer(start: address, count: count))
  }

  /// A copy of a text; empty for NULL.
  func text(_ column: Int32) -> String {
    let address = sqlite3_column_text(handle, column)
    let count = Int(sqlite3_column_bytes(handle, column))
    return String(decoding: UnsafeBufferPointer(start: address, count: count), as: UTF8.self)
  }
}

/// Whether SQLite copies what is bound. The macros of `sqlite3.h` are not imported.
private enum Destructor {
  case `static`
  case transient

  var function: sqlite3_destructor_type? {
    switch self {
    case .static: nil
    case .transient: unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }
  }
}

/// An error of SQLite.
struct SQLiteFailure: Error, Equatable {
  /// The extended result code (https://sqlite.org/rescode.html).
  let code: Int32
  /// SQLite's message. It contains no key and no value.
  let message: String

  init(code: Int32, message: String) {
    self.code = code
    self.message = message
  }

  /// The error of the connection's last call. On the connection's thread only.
  init(of connection: OpaquePointer?) {
    code = sqlite3_extended_errcode(connection)
    message = String(cString: sqlite3_errmsg(connection))
  }

  /// An error that GRDB threw. One that is not SQLite's becomes `SQLITE_ERROR`.
  init(_ error: any Error) {
    let failure = error as? DatabaseError
    code = failure?.extendedResultCode.rawValue ?? SQLITE_ERROR
    message = failure?.message ?? "\(error)"
  }

  /// The code without its extension.
  var primaryCode: Int32 { code & 0xFF }

  /// Whether a new connection may help. It does not help against a full disk or another process's
  /// lock.
  var asksForReconnect: Bool {
    ![SQLITE_FULL, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM].contains(primaryCode)
  }

  /// The error for callers when nothing was written.
  var unavailable: StoreError { .unavailable(cause: cause, retryAfter: retryAfter) }

  /// What went wrong, for operators.
  var cause: String { "SQLite: \(message) (code \(code))" }

  private var retryAfter: Int {
    switch primaryCode {
    case SQLITE_BUSY, SQLITE_LOCKED: 1
    // An operator has to free space, mount a disk or restore a backup.
    default: 10
    }
  }
}
