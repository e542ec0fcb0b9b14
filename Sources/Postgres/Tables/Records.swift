import KeyValueStore

/// What is kept of requests for `retentionSeconds`: records of queued writes in the table
/// `operations`, and outcomes under idempotency keys in the table `idempotency`.
enum Records {
  // MARK: Operations

  /// The records of operations that are at most `age` µs old; nil for one whose state is unknown
  /// here.
  static func operations(_ ids: [OperationID], within age: Int64) -> Query<OperationRecord?> {
    var parameters = Parameters()
    parameters.add(texts: ids.map(\.text))
    parameters.add(age)
    return Query(
      """
      SELECT id, state, revision, updated_at FROM operations
      WHERE id = ANY($1) AND updated_at > \(SQL.now) - $2
      """, parameters
    ) { operation($0) }
  }

  /// The records of operations, however old.
  static func operations(_ ids: [OperationID]) -> Query<OperationRecord?> {
    var parameters = Parameters()
    parameters.add(texts: ids.map(\.text))
    return Query(
      "SELECT id, state, revision, updated_at FROM operations WHERE id = ANY($1)", parameters
    ) { operation($0) }
  }

  private static func operation(_ columns: Columns) -> OperationRecord? {
    guard let state = OperationRecord.State(rawValue: columns.text(1)) else { return nil }
    return OperationRecord(
      id: OperationID(trusted: columns.text(0)), state: state,
      revision: columns.optionalNumber(2).map { Revision($0) }, updatedAt: columns.timestamp(3))
  }

  /// Adds records. If another worker has added one of them meanwhile, the server refuses (23505).
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

  /// Records that operations have failed. A record that exists stays as it is.
  static func insertFailures(of ids: [OperationID]) -> Statement {
    var parameters = Parameters()
    parameters.add(texts: Set(ids.map(\.text)).sorted())
    return Statement(
      """
      INSERT INTO operations (id, state, revision, updated_at)
      SELECT u.id, 'failed', NULL, \(SQL.now) FROM unnest($1::TEXT[]) AS u(id) ORDER BY u.id
      ON CONFLICT (id) DO NOTHING
      """, parameters)
  }

  // MARK: Idempotency keys

  /// The outcome that is kept under a name.
  struct KeptOutcome {
    let name: String
    let fingerprint: [UInt8]
    let outcome: [UInt8]
    let createdAt: Timestamp
  }

  /// Locks the outcomes that are kept under some names.
  static func lockOutcomes(named names: [String]) -> Query<KeptOutcome> {
    var parameters = Parameters()
    parameters.add(array: names.map { Array($0.utf8) })
    return Query(
      """
      SELECT name, fingerprint, outcome, created_at FROM idempotency WHERE name = ANY($1)
      ORDER BY name FOR UPDATE
      """, parameters
    ) { columns in
      KeptOutcome(
        name: columns.text(0), fingerprint: columns.bytes(1), outcome: columns.bytes(2),
        createdAt: columns.timestamp(3))
    }
  }

  /// An outcome to keep.
  typealias NewOutcome = (key: IdempotencyKey, outcome: [UInt8])

  /// Keeps outcomes under names that had none. If another transaction has added one of them
  /// meanwhile, the server refuses (23505).
  static func insert(_ outcomes: [NewOutcome], at now: Timestamp) -> Statement {
    Statement(
      """
      INSERT INTO idempotency (name, fingerprint, outcome, created_at)
      SELECT u.name, u.fingerprint, u.outcome, $4
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::BYTEA[]) AS u(name, fingerprint, outcome)
      ORDER BY u.name
      """, parameters(outcomes, at: now))
  }

  /// Keeps outcomes under names that are locked and whose outcome is past its retention.
  static func update(_ outcomes: [NewOutcome], at now: Timestamp) -> Statement {
    Statement(
      """
      UPDATE idempotency SET fingerprint = u.fingerprint, outcome = u.outcome, created_at = $4
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::BYTEA[]) AS u(name, fingerprint, outcome)
      WHERE idempotency.name = u.name
      """, parameters(outcomes, at: now))
  }

  private static func parameters(_ outcomes: [NewOutcome], at now: Timestamp) -> Parameters {
    var parameters = Parameters()
    parameters.add(array: outcomes.map { Array($0.key.name.utf8) })
    parameters.add(array: outcomes.map { $0.key.fingerprint })
    parameters.add(array: outcomes.map { $0.outcome })
    parameters.add(now.microseconds)
    return parameters
  }
}
