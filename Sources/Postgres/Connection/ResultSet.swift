import CPostgres

/// The rows that a statement returned, in binary. Freed with the last reference to it.
///
/// `@unchecked Sendable`: "PGresult objects are normally read-only after creation, and so can be
/// passed around freely between threads" (libpq, §34.20), and nothing here changes one.
final class ResultSet: @unchecked Sendable {
  private let handle: OpaquePointer

  /// Takes over a result: "every PGresult should be freed via PQclear when it is no longer needed"
  /// (libpq, §34.3.1).
  init(adopting handle: OpaquePointer) { self.handle = handle }

  deinit { PQclear(handle) }

  /// How many rows there are.
  var count: Int { Int(PQntuples(handle)) }

  /// Whether a value is NULL.
  func isNull(_ row: Int, _ column: Int) -> Bool {
    PQgetisnull(handle, Int32(row), Int32(column)) == 1
  }

  /// A BYTEA or TEXT; empty for NULL.
  func bytes(_ row: Int, _ column: Int) -> [UInt8] {
    let count = Int(PQgetlength(handle, Int32(row), Int32(column)))
    guard count > 0, let value = PQgetvalue(handle, Int32(row), Int32(column)) else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: value, count: count))
  }

  /// A BYTEA; nil for NULL.
  func optionalBytes(_ row: Int, _ column: Int) -> [UInt8]? {
    isNull(row, column) ? nil : bytes(row, column)
  }

  /// A TEXT.
  func text(_ row: Int, _ column: Int) -> String {
    String(decoding: bytes(row, column), as: UTF8.self)
  }

  /// An INT8 or INT4; 0 for NULL.
  func number(_ row: Int, _ column: Int) -> Int64 {
    let count = Int(PQgetlength(handle, Int32(row), Int32(column)))
    guard let value = PQgetvalue(handle, Int32(row), Int32(column)) else { return 0 }
    // In network byte order (PostgreSQL §55.3); libpq promises no alignment.
    let raw = UnsafeRawPointer(value)
    switch count {
    case 8: return Int64(bigEndian: raw.loadUnaligned(as: Int64.self))
    case 4: return Int64(Int32(bigEndian: raw.loadUnaligned(as: Int32.self)))
    default: return 0
    }
  }

  /// An INT8; nil for NULL.
  func optionalNumber(_ row: Int, _ column: Int) -> Int64? {
    isNull(row, column) ? nil : number(row, column)
  }

  /// A BOOL; false for NULL.
  func flag(_ row: Int, _ column: Int) -> Bool {
    guard PQgetlength(handle, Int32(row), Int32(column)) == 1,
      let value = PQgetvalue(handle, Int32(row), Int32(column))
    else { return false }
    return value.pointee != 0
  }
}
