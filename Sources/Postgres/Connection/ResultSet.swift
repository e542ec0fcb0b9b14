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

  // MARK: Arrays

  /// A BYTEA[] or TEXT[] of one dimension, with NULL as nil; empty for NULL.
  func array(_ row: Int, _ column: Int) -> [[UInt8]?] {
    elements(row, column) { [UInt8]($0) }
  }

  /// An INT8[] of one dimension, with NULL as nil; empty for NULL.
  func numbers(_ row: Int, _ column: Int) -> [Int64?] {
    elements(row, column) { bytes in
      bytes.count == 8 ? Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)) : 0
    }
  }

  /// The binary format of arrays: see `Parameters`.
  private func elements<Element>(
    _ row: Int, _ column: Int, _ read: (UnsafeRawBufferPointer) -> Element
  ) -> [Element?] {
    let count = Int(PQgetlength(handle, Int32(row), Int32(column)))
    guard let value = PQgetvalue(handle, Int32(row), Int32(column)), count >= 20 else { return [] }
    let raw = UnsafeRawBufferPointer(start: value, count: count)
    func number(at place: Int) -> Int {
      Int(Int32(bigEndian: raw.loadUnaligned(fromByteOffset: place, as: Int32.self)))
    }
    var elements: [Element?] = []
    var place = 20
    for _ in 0..<number(at: 12) where place + 4 <= count {
      let length = number(at: place)
      place += 4
      guard length >= 0 else {
        elements.append(nil)
        continue
      }
      guard place + length <= count else { break }
      elements.append(read(UnsafeRawBufferPointer(rebasing: raw[place..<place + length])))
      place += length
    }
    return elements
  }
}
