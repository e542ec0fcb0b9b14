import Foundation
import GRDBSQLite

/// The files of an embedded database, read and damaged from outside.
struct StoreFile {
  let path: String

  init(in dataFolder: String) { path = dataFolder + "/store.sqlite" }

  var bytes: Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return attributes?[.size] as? Int ?? 0
  }

  /// Runs SQL on a connection of its own.
  func execute(_ sql: String) throws {
    var connection: OpaquePointer?
    defer { sqlite3_close_v2(connection) }
    guard sqlite3_open(path, &connection) == SQLITE_OK,
      sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK
    else { throw CocoaError(.fileWriteUnknown) }
  }

  /// Starts to read a snapshot.
  func openReader() throws -> OutsideReader {
    let reader = OutsideReader(path: path)
    try reader.begin()
    return reader
  }

  func overwrite(at offset: Int, with bytes: [UInt8]) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? handle.close() }
    try handle.seek(toOffset: UInt64(offset))
    try handle.write(contentsOf: bytes)
  }

  func truncate(to bytes: Int) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? handle.close() }
    try handle.truncate(atOffset: UInt64(bytes))
  }

  /// Copies what a process would find if this one were killed now: the database and its log, but
  /// not the log's index, which is created again.
  func copyAfterCrash(to dataFolder: String) throws {
    try FileManager.default.createDirectory(
      atPath: dataFolder, withIntermediateDirectories: true)
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(
        atPath: path + suffix, toPath: dataFolder + "/store.sqlite" + suffix)
    }
  }
}

/// A connection that keeps a snapshot, as that of another process does.
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
