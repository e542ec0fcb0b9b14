import CPostgres
import Foundation
import TestServices

@testable import Postgres

/// A blocking connection with which tests prepare and check a database.
final class AdminConnection: @unchecked Sendable {
  // `@unchecked`: the handle is used only behind the lock.
  private let lock = NSLock()
  private let handle: OpaquePointer

  init(_ url: String) throws {
    handle = PQconnectdb(url)!
    PQsetNoticeReceiver(handle, { _, _ in }, nil)
    guard PQstatus(handle) == CONNECTION_OK else {
      throw ServiceFailure(String(cString: PQerrorMessage(handle)))
    }
  }

  deinit { PQfinish(handle) }

  /// Runs SQL; returns the first column of its rows.
  @discardableResult
  func run(_ sql: String) throws -> [String] {
    try lock.withLock {
      try rows(of: PQexec(handle, sql))
    }
  }

  private func rows(of result: OpaquePointer?) throws -> [String] {
    defer { PQclear(result) }
    let status = PQresultStatus(result)
    guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
      throw ServiceFailure(String(cString: PQerrorMessage(handle)))
    }
    return (0..<PQntuples(result)).map { String(cString: PQgetvalue(result, $0, 0)) }
  }

  /// A number that SQL returns.
  func number(_ sql: String) throws -> Int64 {
    guard let text = try run(sql).first, let number = Int64(text) else {
      throw ServiceFailure("no number: \(sql)")
    }
    return number
  }
}

extension AdminConnection {
  /// CockroachDB's plan of a statement for its parameters.
  func explain(_ statement: Statement) throws -> [String] {
    try lock.withLock {
      let slots = statement.parameters.slots
      let result = statement.parameters.buffer.withUnsafeBytes { buffer in
        let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
        let empty = UnsafeRawPointer(bitPattern: 1)?.assumingMemoryBound(to: CChar.self)
        let values = slots.map { slot in
          slot.range.map { range in base.map { UnsafePointer($0 + range.lowerBound) } ?? empty! }
        }
        return PQexecParams(
          handle, "EXPLAIN " + statement.text, Int32(slots.count), slots.map(\.type), values,
          slots.map { Int32($0.range?.count ?? 0) }, slots.map { _ in 1 }, 0)
      }
      return try rows(of: result)
    }
  }

  /// PostgreSQL's generic plan of a statement, for any parameters, as JSON.
  func explainGenericPlan(of statement: Statement) throws -> [String] {
    let types = try statement.parameters.slots.map { slot in
      try run("SELECT format_type(\(slot.type), NULL)")[0]
    }
    let nothing = types.map { _ in "NULL" }
    try run("SET plan_cache_mode = force_generic_plan")
    try run("SET enable_seqscan = off")
    try run("SET jit = off")
    let arguments =
      types.isEmpty
      ? ("", "") : ("(\(types.joined(separator: ", ")))", "(\(nothing.joined(separator: ", ")))")
    try run("PREPARE explained\(arguments.0) AS \(statement.text)")
    defer { _ = try? run("DEALLOCATE explained") }
    return try run("EXPLAIN (FORMAT JSON) EXECUTE explained\(arguments.1)")
  }
}
