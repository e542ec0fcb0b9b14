import KeyValueStore

/// The outcomes that are kept under idempotency keys.
enum Idempotency {
  /// What is kept under a name.
  struct Kept {
    let fingerprint: [UInt8]
    let outcome: [UInt8]
    let createdAt: Timestamp
  }

  /// An outcome to be kept.
  typealias Row = (key: IdempotencyKey, outcome: [UInt8])

  /// Locks what is kept under some names. Rows: see `row`.
  static func lock(_ names: [String]) -> Statement {
    var parameters = Parameters()
    parameters.add(array: names.map { Array($0.utf8) })
    return Statement(
      """
      SELECT name, fingerprint, outcome, created_at FROM idempotency WHERE name = ANY($1)
      ORDER BY name FOR UPDATE
      """, parameters)
  }

  static func row(_ rows: ResultSet, _ row: Int) -> (name: String, kept: Kept) {
    let kept = Kept(
      fingerprint: rows.bytes(row, 1), outcome: rows.bytes(row, 2),
      createdAt: Timestamp(microseconds: rows.number(row, 3)))
    return (rows.text(row, 0), kept)
  }

  /// Keeps outcomes under names that had none. Should one have come meanwhile, the server refuses
  /// (23505).
  static func insert(_ rows: [Row], at now: Timestamp) -> Statement {
    Statement(
      """
      INSERT INTO idempotency (name, fingerprint, outcome, created_at)
      SELECT u.name, u.fingerprint, u.outcome, $4
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::BYTEA[]) AS u(name, fingerprint, outcome)
      ORDER BY u.name
      """, parameters(rows, at: now))
  }

  /// Keeps outcomes under names that are locked and whose time is over.
  static func update(_ rows: [Row], at now: Timestamp) -> Statement {
    Statement(
      """
      UPDATE idempotency SET fingerprint = u.fingerprint, outcome = u.outcome, created_at = $4
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::BYTEA[]) AS u(name, fingerprint, outcome)
      WHERE idempotency.name = u.name
      """, parameters(rows, at: now))
  }

  private static func parameters(_ rows: [Row], at now: Timestamp) -> Parameters {
    var parameters = Parameters()
    parameters.add(array: rows.map { Array($0.key.name.utf8) })
    parameters.add(array: rows.map { $0.key.fingerprint })
    parameters.add(array: rows.map { $0.outcome })
    parameters.add(now.microseconds)
    return parameters
  }
}
