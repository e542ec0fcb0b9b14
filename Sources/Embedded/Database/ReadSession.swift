import GRDB
import KeyValueStore

/// What a reader works with inside one transaction. Not Sendable: its thread only.
final class ReadSession {
  let entries: EntryReader
  let operations: OperationTable
  /// The time of the transaction.
  var now = Timestamp(microseconds: 0)

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    entries = try EntryReader(on: database)
    operations = try OperationTable(on: database)
  }
}
