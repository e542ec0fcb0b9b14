import KeyValueStore

/// The statements that apply queued writes and keep account of them.
///
/// They are sent together, as one transaction: `claim` first, so that of two workers with the same
/// message the second waits for the first and then finds nothing to do; then the writes, in rounds
/// of different keys; then `records`. While it lasts, a claimed operation is `applying`: nobody
/// else ever sees that.
enum OperationStatements {
  /// Takes operations that nobody has recorded yet. Rows: their ids.
  static func claim(_ ids: [OperationID]) -> Statement {
    var parameters = Parameters()
    parameters.add(texts: ids.map(\.text).sorted())
    return Statement(
      """
      INSERT INTO operations (id, state, revision, updated_at)
      SELECT u.id, 'applying', NULL, \(SQL.now) FROM unnest($1::TEXT[]) AS u(id) ORDER BY u.id
      ON CONFLICT (id) DO NOTHING RETURNING id
      """, parameters)
  }

  /// Applies unconditional writes of different keys. Rows: `SQL.written`; version 0 is a delete
  /// that found nothing.
  static func apply(_ queued: [QueuedWrite]) -> Statement {
    var parameters = Parameters(reserving: queued.reduce(256) { $0 + $1.write.weight + 128 })
    parameters.add(texts: queued.map(\.id.text))
    parameters.add(array: queued.map { $0.write.key.bytes })
    parameters.add(array: queued.map { $0.write.stored?.value })
    parameters.add(texts: queued.map { $0.write.stored?.contentType ?? "" })
    parameters.add(numbers: queued.map { $0.write.stored?.microsecondsToLive })
    parameters.add(numbers: queued.map { $0.acceptedAt.microseconds })
    return Statement(applying, parameters)
  }

  private static let applying = """
    WITH \(SQL.clock), fresh AS (
      SELECT u.id, u.key, u.value, u.content_type, u.life, u.accepted
      FROM unnest($1::TEXT[], $2::BYTEA[], $3::BYTEA[], $4::TEXT[], $5::INT8[], $6::INT8[])
        AS u(id, key, value, content_type, life, accepted)
      JOIN operations AS o ON o.id = u.id
      WHERE o.state = 'applying'),
    written AS (
      INSERT INTO entries \(SQL.insertedColumns)
      SELECT f.key, f.value, f.content_type, f.accepted,
        CASE WHEN f.value IS NULL THEN 0 ELSE 1 END, clock.now, clock.now, clock.now + f.life
      FROM fresh f, clock ORDER BY f.key
      ON CONFLICT (key) DO UPDATE SET \(replacement)
      WHERE entries.revision < excluded.revision
      \(SQL.returning)),
    \(SQL.boxed),
    \(recorded)
    \(SQL.written)
    """

  /// As `SQL.replacement`, at the revision that the write was accepted at. A delete that finds an
  /// expired entry leaves it to be purged, as its expiry is to be announced.
  private static let replacement = """
    value = CASE WHEN excluded.value IS NULL AND \(SQL.isDead(at: "excluded.updated_at"))
      THEN entries.value ELSE excluded.value END,
    expires_at = CASE WHEN excluded.value IS NULL AND \(SQL.isDead(at: "excluded.updated_at"))
      THEN entries.expires_at ELSE excluded.expires_at END,
    content_type = excluded.content_type, revision = excluded.revision,
    version = CASE
      WHEN excluded.value IS NULL AND \(SQL.isDead(at: "excluded.updated_at")) THEN 0
      WHEN excluded.value IS NULL THEN -1
      WHEN \(SQL.isDead(at: "excluded.updated_at")) THEN 1
      ELSE entries.version + 1 END,
    created_at = CASE WHEN \(SQL.isDead(at: "excluded.updated_at"))
      THEN excluded.created_at ELSE entries.created_at END,
    updated_at = excluded.updated_at
    """

  /// What was written has the revision that it was accepted at. `IN` stands where it can't become a
  /// join: PostgreSQL does not know how many rows there are, takes them for one or ten, and would
  /// compare each with each. So it looks them up in a hash table.
  private static let recorded = """
    recorded AS (
      UPDATE operations SET state = 'applied', updated_at = clock.now,
        revision = CASE WHEN f.key IN (SELECT w.key FROM written AS w WHERE w.version = 0)
          THEN NULL ELSE f.accepted END
      FROM fresh f, clock
      WHERE operations.id = f.id AND (f.key IN (SELECT w.key FROM written AS w)) IS TRUE
      RETURNING 1)
    """

  /// Records what `apply` has left: something newer stood in its way.
  static func supersede(_ queued: [QueuedWrite]) -> Statement {
    var parameters = Parameters()
    parameters.add(texts: queued.map(\.id.text))
    parameters.add(array: queued.map { $0.write.key.bytes })
    return Statement(
      """
      UPDATE operations
      SET state = 'superseded', revision = entries.revision, updated_at = \(SQL.now)
      FROM unnest($1::TEXT[], $2::BYTEA[]) AS u(id, key)
      JOIN entries ON entries.key = u.key
      WHERE operations.id = u.id AND operations.state = 'applying'
      """, parameters)
  }

  /// Applies one write that has a condition. Rows: as `apply`.
  static func applyConditionally(_ queued: QueuedWrite) -> Statement {
    var parameters = Parameters(reserving: queued.write.weight + 256)
    parameters.add(queued.write.key.bytes)
    EntryStatements.add(queued.write.condition, to: &parameters)
    parameters.add(text: queued.id.text)
    parameters.add(queued.write.stored?.value)
    parameters.add(text: queued.write.stored?.contentType ?? "")
    parameters.add(queued.write.stored?.microsecondsToLive)
    parameters.add(queued.acceptedAt.microseconds)
    return Statement(applyingConditionally, parameters)
  }

  private static let applyingConditionally = """
    WITH \(SQL.clock), fresh AS (
      SELECT o.id, $1::BYTEA AS key, $10::INT8 AS accepted
      FROM operations AS o WHERE o.id = $6 AND o.state = 'applying'),
    written AS (
      INSERT INTO entries \(SQL.insertedColumns)
      SELECT f.key, $7::BYTEA, $8, f.accepted, CASE WHEN $7::BYTEA IS NULL THEN 0 ELSE 1 END,
        clock.now, clock.now, clock.now + $9
      FROM fresh f, clock
      WHERE NOT $2 OR EXISTS (SELECT 1 FROM entries AS old WHERE old.key = $1)
      ON CONFLICT (key) DO UPDATE SET \(replacement)
      WHERE entries.revision < excluded.revision
        AND \(EntryStatements.isMet(at: "excluded.updated_at"))
      \(SQL.returning)),
    \(SQL.boxed),
    \(recorded)
    \(SQL.written)
    """

  /// Records why `applyConditionally` did not apply, if it did not.
  static func refuse(_ queued: QueuedWrite) -> Statement {
    var parameters = Parameters()
    parameters.add(queued.write.key.bytes)
    parameters.add(text: queued.id.text)
    parameters.add(queued.acceptedAt.microseconds)
    return Statement(
      """
      UPDATE operations SET updated_at = \(SQL.now),
        state = CASE WHEN coalesce(e.revision, 0) >= $3 THEN 'superseded'
          ELSE 'precondition_failed' END,
        revision = CASE WHEN e.revision >= $3 OR NOT e.is_dead THEN e.revision END
      FROM (SELECT 1) AS one LEFT JOIN (
        SELECT entries.revision, \(SQL.isDead(at: "(SELECT \(SQL.now))")) AS is_dead
        FROM entries WHERE entries.key = $1) AS e ON true
      WHERE operations.id = $2 AND operations.state = 'applying'
      """, parameters)
  }

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

  /// Records that operations have failed, unless it is known already what became of them.
  static func fail(_ ids: [OperationID]) -> Statement {
    var parameters = Parameters()
    parameters.add(texts: ids.map(\.text).sorted())
    return Statement(
      """
      INSERT INTO operations (id, state, revision, updated_at)
      SELECT u.id, 'failed', NULL, \(SQL.now) FROM unnest($1::TEXT[]) AS u(id) ORDER BY u.id
      ON CONFLICT (id) DO NOTHING
      """, parameters)
  }

  /// Reads a row of `records`; nil for one that says nothing known.
  static func record(_ rows: ResultSet, _ row: Int) -> OperationRecord? {
    guard let state = OperationRecord.State(rawValue: rows.text(row, 1)) else { return nil }
    return OperationRecord(
      id: OperationID(trusted: rows.text(row, 0)), state: state,
      revision: rows.optionalNumber(row, 2).map { Revision($0) },
      updatedAt: Timestamp(microseconds: rows.number(row, 3)))
  }
}
