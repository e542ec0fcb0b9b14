import CPostgres
import KeyValueStore

/// The result of a statement, in binary. Freed with the last reference to it.
///
/// `@unchecked Sendable`: "PGresult objects are normally read-only after creation, and so can be
/// passed around freely between threads" (libpq, §34.20), and nothing here changes one.
final class ResultSet: @unchecked Sendable {
  fileprivate let handle: OpaquePointer

  /// Takes over a result: "every PGresult should be freed via PQclear when it is no longer needed"
  /// (libpq, §34.3.1).
  init(adopting handle: OpaquePointer) { self.handle = handle }

  deinit { PQclear(handle) }

  /// How many rows there are.
  var count: Int { Int(PQntuples(handle)) }
}

/// The rows of a query. A row is decoded each time that it is accessed.
struct Rows<Row>: RandomAccessCollection, Sendable {
  var startIndex: Int { 0 }
  let endIndex: Int
  private let result: ResultSet
  private let read: @Sendable (Columns) -> Row

  init(of result: ResultSet, read: @escaping @Sendable (Columns) -> Row) {
    self.result = result
    self.read = read
    endIndex = result.count
  }

  subscript(place: Int) -> Row { read(Columns(of: result, row: place)) }
}

/// The columns of one row, by their number from 0.
struct Columns {
  private let result: ResultSet
  private let row: Int32

  init(of result: ResultSet, row: Int) {
    self.result = result
    self.row = Int32(row)
  }

  // MARK: Scalars

  /// Whether a value is NULL.
  func isNull(_ column: Int32) -> Bool { PQgetisnull(result.handle, row, column) == 1 }

  /// A BYTEA or TEXT; empty for NULL.
  func bytes(_ column: Int32) -> [UInt8] { withBytes(of: column) { [UInt8]($0) } ?? [] }

  /// A TEXT; empty for NULL.
  func text(_ column: Int32) -> String {
    withBytes(of: column) { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// An INT8 or INT4; 0 for NULL.
  func number(_ column: Int32) -> Int64 { optionalNumber(column) ?? 0 }

  /// An INT8 or INT4; nil for NULL.
  func optionalNumber(_ column: Int32) -> Int64? {
    withBytes(of: column) { bytes in
      // In network byte order (PostgreSQL §55.3); libpq promises no alignment.
      switch bytes.count {
      case 8: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
      case 4: Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
      default: 0
      }
    }
  }

  /// A BOOL; false for NULL.
  func flag(_ column: Int32) -> Bool { withBytes(of: column) { $0.first == 1 } ?? false }

  // MARK: Arrays

  /// A BYTEA[] or TEXT[] of one dimension, with NULL as nil; empty for NULL.
  func array(_ column: Int32) -> [[UInt8]?] { elements(of: column) { [UInt8]($0) } }

  /// An INT8[] of one dimension, with NULL as nil; empty for NULL.
  func numbers(_ column: Int32) -> [Int64?] {
    elements(of: column) { bytes in
      bytes.count == 8 ? Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)) : 0
    }
  }

  /// The binary format of arrays: see `Parameters`.
  private func elements<Element>(
    of column: Int32, _ read: (UnsafeRawBufferPointer) -> Element
  ) -> [Element?] {
    withBytes(of: column) { bytes in
      guard bytes.count >= 20 else { return [] }
      func number(at place: Int) -> Int {
        Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: Int32.self)))
      }
      var elements: [Element?] = []
      var place = 20
      for _ in 0..<number(at: 12) where place + 4 <= bytes.count {
        let length = number(at: place)
        place += 4
        guard length >= 0 else {
          elements.append(nil)
          continue
        }
        guard place + length <= bytes.count else { break }
        elements.append(read(UnsafeRawBufferPointer(rebasing: bytes[place..<place + length])))
        place += length
      }
      return elements
    } ?? []
  }

  /// Lends the bytes of a value; nil for NULL.
  private func withBytes<Value>(
    of column: Int32, _ body: (UnsafeRawBufferPointer) -> Value
  ) -> Value? {
    withExtendedLifetime(result) {
      guard !isNull(column), let value = PQgetvalue(result.handle, row, column) else { return nil }
      let count = Int(PQgetlength(result.handle, row, column))
      return body(UnsafeRawBufferPointer(start: value, count: count))
    }
  }

  // MARK: Values of the store

  /// A BYTEA that holds a key.
  func key(_ column: Int32) -> Key { Key(trusted: bytes(column)) }

  /// An INT8 that holds a revision.
  func revision(_ column: Int32) -> Revision { Revision(number(column)) }

  /// An INT8 that holds a time in µs.
  func timestamp(_ column: Int32) -> Timestamp { Timestamp(microseconds: number(column)) }

  /// An INT8 that holds a time in µs; nil for NULL.
  func optionalTimestamp(_ column: Int32) -> Timestamp? {
    optionalNumber(column).map { Timestamp(microseconds: $0) }
  }
}
