import GRDB
import KeyValueStore

/// Records of queued writes. Not Sendable: belongs to its connection's thread.
final class OperationTable {
  private let select: PreparedStatement
  private let insert: PreparedStatement

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    select = try PreparedStatement(
      "SELECT state, revision, updated_at FROM operations WHERE id = ?1", on: database)
    insert = try PreparedStatement(
      "INSERT INTO operations (id, state, revision, updated_at) VALUES (?1, ?2, ?3, ?4)",
      on: database)
  }

  /// The record of `id`, however old it is.
  func record(_ id: OperationID) throws(SQLiteFailure) -> OperationRecord? {
    select.bind(id.text, at: 1)
    guard try select.step() else { return nil }
    defer { select.reset() }
    guard let state = OperationRecord.State(rawValue: select.text(0)) else {
      throw SQLiteFailure(code: 1, message: "an operation has an unknown state")
    }
    return OperationRecord(
      id: id, state: state, revision: select.optionalNumber(1).map { Revision($0) },
      updatedAt: Timestamp(microseconds: select.number(2)))
  }

  /// Adds a record; there must be none of its id.
  func add(_ record: OperationRecord) throws(SQLiteFailure) {
    insert.bind(record.id.text, at: 1)
    insert.bind(record.state.rawValue, at: 2)
    insert.bind(record.revision?.number, at: 3)
    insert.bind(record.updatedAt.microseconds, at: 4)
    try insert.run()
  }
}
