import Foundation
import GRDBSQLite

/// A connection from outside that keeps a snapshot.
final class OutsideReader {
  private var connection: OpaquePointer?
  private let path: String

  init(path: String) { self.path = path }

  deinit { close() }

  func begin() throws {
    guard sqlite3_open(path, &connection) == SQLITE_OK,
      sqlite3_exec(connection, "BEGIN; SELECT * FROM entries", nil, nil, nil) == SQLITE_OK
    else { throw CocoaError(.fileReadUnknown) }
  }

  func close() {
    sqlite3_close_v2(connection)
    connection = nil
  }
}
