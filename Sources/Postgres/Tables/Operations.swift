import KeyValueStore

/// The records of queued writes.
enum Operations {
  /// The records of operations that are at most `age` µs old. Rows: see `record`.
  static func records(_ ids: [OperationID], within age: Int64) -> Statement {
    var parameters = Parameters()
    parameters.add(texts: ids.map(\.text))
    parameters.add(age)
    return Statement(
      """
      SELECT id, state, revision, updated_at FROM operations
      WHERE id = ANY($1) AND updated_at > \(SQL.now) - $2
      """, parameters)
  }

  /// The records of operations, however old. Rows: see `record`.
  static func all(_ ids: [OperationID]) -> Statement {
    var parameters = Parameters()
    parameters.add(texts: ids.map(\.text))
    return Statement(
      "SELECT id, state, revision, updated_at FROM operations WHERE id = ANY($1)", parameters)
  }

  /// Reads a row; nil for one that says nothing known.
  static func record(_ rows: ResultSet, _ row: Int) -> OperationRecord? {
    guard let state = OperationRecord.State(rawValue: rows.text(row, 1)) else { return nil }
    return OperationRecord(
      id: OperationID(trusted: rows.text(row, 0)), state: state,
      revision: rows.optionalNumber(row, 2).map { Revision($0) },
      updatedAt: Timestamp(microseconds: rows.number(row, 3)))
  }

  /// Adds records. Should another worker have added one meanwhile, the server refuses (23505).
  static func insert(_ records: [OperationRecord]) -> Statement {
    var parameters = Parameters()
    parameters.add(texts: records.map(\.id.text))
    parameters.add(texts: records.map(\.state.rawValue))
    parameters.add(numbers: records.map { $0.revision?.number })
    parameters.add(numbers: records.map { $0.updatedAt.microseconds })
    return Statement(
      """
      INSERT INTO operations (id, state, revision, updated_at)
      SELECT u.id, u.state, u.revision, u.updated_at
      FROM unnest($1::TEXT[], $2::TEXT[], $3::INT8[], $4::INT8[])
        AS u(id, state, revision, updated_at)
      ORDER BY u.id
      """, parameters)
  }

  /// Records that operations have failed, unless it is known already what became of them.
  static func fail(_ ids: [OperationID]) -> Statement {
    var parameters = Parameters()
    parameters.add(texts: Set(ids.map(\.text)).sorted())
    return Statement(
      """
      INSERT INTO operations (id, state, revision, updated_at)
      SELECT u.id, 'failed', NULL, \(SQL.now) FROM unnest($1::TEXT[]) AS u(id) ORDER BY u.id
      ON CONFLICT (id) DO NOTHING
      """, parameters)
  }
}
