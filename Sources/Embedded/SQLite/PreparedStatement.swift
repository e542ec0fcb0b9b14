import GRDB
import GRDBSQLite
import KeyValueStore

/// A compiled statement that is bound and stepped straight through SQLite's C interface: GRDB's
/// rows and arguments cost several times what SQLite itself needs for a small row.
///
/// Not Sendable: it belongs to the thread of its connection, and must be let go of before the
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

  /// Lends `bytes` to SQLite as a BLOB, without a copy, until `body` has ended. `body` must run the
  /// statement to its end.
  func lending<Result>(
    _ bytes: [UInt8], at position: Int32,
    to body: () throws(SQLiteFailure) -> Result
  ) throws(SQLiteFailure) -> Result {
    do {
      return try bytes.withUnsafeBytes { buffer in
        bind(buffer, at: position, destructor: .static)
        // SQLite keeps the pointer beyond a reset: it must not outlive the closure.
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
    // A C string's address is never nil, which would bind NULL, not even that of an empty one.
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

  /// Goes to the next row; false after the last one. The statement is reset when there is none.
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

  /// Runs a statement that returns no row, or whose rows nobody wants.
  func run() throws(SQLiteFailure) {
    while try step() {}
  }

  /// Makes the statement ready to be run again before its last row has been read.
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

extension PreparedStatement {
  /// Whether SQLite copies what it is given (`sqlite3.h`: the macros are not imported).
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
}
