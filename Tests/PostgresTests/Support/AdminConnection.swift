import CPostgres
import Foundation
import TestServices

/// Asks the server directly, and waits for its answer: for what tests prepare and check.
final class AdminConnection: @unchecked Sendable {
  // `@unchecked`: the handle is used behind the lock only.
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
      let result = PQexec(handle, sql)
      defer { PQclear(result) }
      let status = PQresultStatus(result)
      guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
        throw ServiceFailure(String(cString: PQerrorMessage(handle)))
      }
      return (0..<PQntuples(result)).map { String(cString: PQgetvalue(result, $0, 0)) }
    }
  }

  /// A number that SQL returns.
  func number(_ sql: String) throws -> Int64 {
    guard let text = try run(sql).first, let number = Int64(text) else {
      throw ServiceFailure("no number: \(sql)")
    }
    return number
  }
}
