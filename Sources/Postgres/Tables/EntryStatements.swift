import KeyValueStore

/// The statements that read and write entries.
enum EntryStatements {
  // MARK: Many keys at once

  /// What keys hold. Columns: see `EntryRow`.
  static func read(_ keys: [Key]) -> Statement {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    return Statement(reading, parameters)
  }

  private static let reading = """
    SELECT \(SQL.columns), \(SQL.isDead(at: "(SELECT \(SQL.now))")) AS is_dead,
      CASE WHEN \(SQL.isDead(at: "(SELECT \(SQL.now))")) THEN NULL ELSE entries.value END
    FROM entries WHERE entries.key = ANY($1)
    """

  /// What one key holds; its value only if it is not larger than `bytesMax`. Columns: as `read`,
  /// and the size.
  static func read(_ key: Key, bytesMax: Int) -> Statement {
    var parameters = Parameters()
    parameters.add(key.bytes)
    parameters.add(Int64(bytesMax))
    return Statement(
      """
      SELECT \(SQL.columns), \(SQL.isDead(at: "(SELECT \(SQL.now))")) AS is_dead,
        CASE WHEN octet_length(entries.value) <= $2
          AND NOT \(SQL.isDead(at: "(SELECT \(SQL.now))")) THEN entries.value END,
        coalesce(octet_length(entries.value), 0)::INT8
      FROM entries WHERE entries.key = $1
      """, parameters)
  }

  /// Puts without conditions, of different keys in byte order; so no two such statements wait for
  /// each other. Rows: `SQL.written`; those that came too late are missing.
  static func put(_ writes: some Collection<Write>, validUntil: Int64) -> Statement {
    var parameters = Parameters(reserving: writes.reduce(256) { $0 + $1.weight + 64 })
    parameters.add(array: writes.map { $0.key.bytes })
    parameters.add(array: writes.map { $0.stored?.value })
    parameters.add(texts: writes.map { $0.stored?.contentType ?? "" })
    parameters.add(numbers: writes.map { $0.stored?.microsecondsToLive })
    parameters.add(timestamp: validUntil)
    return Statement(putting, parameters)
  }

  private static let putting = """
    WITH \(SQL.clock), written AS (
      INSERT INTO entries \(SQL.insertedColumns)
      SELECT u.key, u.value, u.content_type, clock.now, 1, clock.now, clock.now, clock.now + u.life
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::INT8[])
        AS u(key, value, content_type, life), clock
      WHERE clock_timestamp() <= $5 ORDER BY u.key
      ON CONFLICT (key) DO UPDATE SET \(SQL.replacement) WHERE clock_timestamp() <= $5
      \(SQL.returning)),
    \(SQL.boxed)
    \(SQL.written)
    """

  /// Deletes without conditions, of different keys. Rows: `SQL.written`, of what was deleted; and
  /// one for every key that is not there any more, or was not, with `revision` NULL; those that
  /// came too late are missing.
  static func delete(_ keys: [Key], validUntil: Int64) -> Statement {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    parameters.add(timestamp: validUntil)
    return Statement(deleting, parameters)
  }

  private static let deleting = """
    WITH \(SQL.clock), locked AS (
      SELECT old.key FROM entries AS old WHERE old.key = ANY($1) ORDER BY old.key FOR UPDATE),
    written AS (
      UPDATE entries SET value = NULL, content_type = '', version = -1,
        revision = greatest(entries.revision + 1, clock.now), updated_at = clock.now,
        expires_at = NULL
      FROM locked, clock
      WHERE entries.key = locked.key AND NOT \(SQL.isDead(at: "clock.now"))
        AND clock_timestamp() <= $2
      \(SQL.returning)),
    \(SQL.boxed)
    \(SQL.written)
    UNION ALL SELECT u.key, NULL, NULL, NULL, NULL, NULL FROM unnest($1) AS u(key)
    WHERE clock_timestamp() <= $2 AND u.key NOT IN (SELECT w.key FROM written AS w)
    """

  // MARK: One key, with a condition or inside a transaction

  /// One write whose condition is decided where it writes. Rows: `SQL.written`, none if it does not
  /// hold; then `state` tells why.
  static func write(_ write: Write, validUntil: Int64) -> Statement {
    var parameters = Parameters(reserving: write.weight + 256)
    parameters.add(write.key.bytes)
    add(write.condition, to: &parameters)
    parameters.add(timestamp: validUntil)
    guard let stored = write.stored else { return Statement(deletingOne, parameters) }
    parameters.add(stored.value)
    parameters.add(text: stored.contentType)
    parameters.add(stored.microsecondsToLive)
    return Statement(puttingOne, parameters)
  }

  /// `$2` it must exist, `$3` with one of these revisions (NULL: any); `$4` it must not exist, `$5`
  /// or at least with none of these revisions (NULL: none is excluded).
  static func add(_ condition: Condition, to parameters: inout Parameters) {
    parameters.add(flag: condition.ifMatch != nil)
    parameters.add(optionalNumbers: condition.ifMatch?.numbers)
    parameters.add(flag: condition.ifNoneMatch == .any)
    parameters.add(optionalNumbers: condition.ifNoneMatch?.numbers)
  }

  /// Whether the row that is there meets the condition.
  static func isMet(at time: String) -> String {
    let dead = SQL.isDead(at: time)
    return """
      (NOT $2 OR NOT \(dead)) AND ($3::INT8[] IS NULL OR entries.revision = ANY($3))
      AND (NOT $4 OR \(dead))
      AND ($5::INT8[] IS NULL OR \(dead) OR NOT (entries.revision = ANY($5)))
      """
  }

  private static let puttingOne = """
    WITH \(SQL.clock), written AS (
      INSERT INTO entries \(SQL.insertedColumns)
      SELECT $1, $7, $8, clock.now, 1, clock.now, clock.now, clock.now + $9 FROM clock
      WHERE clock_timestamp() <= $6
        AND (NOT $2 OR EXISTS (SELECT 1 FROM entries AS old WHERE old.key = $1))
      ON CONFLICT (key) DO UPDATE SET \(SQL.replacement)
      WHERE clock_timestamp() <= $6 AND \(isMet(at: "excluded.updated_at"))
      \(SQL.returning)),
    \(SQL.boxed)
    \(SQL.written)
    """

  private static let deletingOne = """
    WITH \(SQL.clock), written AS (
      UPDATE entries SET value = NULL, content_type = '', version = -1,
        revision = greatest(entries.revision + 1, clock.now), updated_at = clock.now,
        expires_at = NULL
      FROM clock
      WHERE entries.key = $1 AND NOT \(SQL.isDead(at: "clock.now"))
        AND clock_timestamp() <= $6 AND \(isMet(at: "clock.now"))
      \(SQL.returning)),
    \(SQL.boxed)
    \(SQL.written)
    """

  /// A key's revision, whether it is dead, and whether the statements before it came too late.
  static func state(_ key: Key, validUntil: Int64) -> Statement {
    var parameters = Parameters()
    parameters.add(key.bytes)
    parameters.add(timestamp: validUntil)
    return Statement(
      """
      SELECT e.revision, coalesce(e.is_dead, true), clock_timestamp() > $2
      FROM (SELECT 1) AS one LEFT JOIN (
        SELECT entries.revision, \(SQL.isDead(at: "(SELECT \(SQL.now))")) AS is_dead
        FROM entries WHERE entries.key = $1) AS e ON true
      """, parameters)
  }

  /// Takes the locks of keys that exist, in their byte order, so that transactions which write
  /// several keys wait for each other instead of dying of a deadlock.
  static func lock(_ keys: [Key]) -> Statement {
    var parameters = Parameters()
    parameters.add(array: keys.sorted().map { $0.bytes })
    return Statement(
      "SELECT key FROM entries WHERE key = ANY($1) ORDER BY key FOR UPDATE", parameters)
  }
}

extension Write {
  /// What a put stores; nil for a delete.
  var stored: (value: [UInt8], contentType: String, microsecondsToLive: Int64?)? {
    guard case .put(let value, let contentType, let seconds) = mutation else { return nil }
    return (value, contentType, seconds.map { $0 * 1_000_000 })
  }
}

extension Condition.Match {
  /// Nil: any.
  fileprivate var numbers: [Int64]? {
    guard case .revisions(let revisions) = self else { return nil }
    return revisions.map(\.number)
  }
}
