import KeyValueStore

/// The statements that list, purge and relay.
enum UpkeepStatements {
  // MARK: Listing

  /// A page and one entry more. Columns: `SQL.columns`, size, value (NULL beyond the bound), and
  /// the bytes of the values up to and with this one.
  static func list(_ request: PageRequest) -> Statement {
    var parameters = Parameters()
    parameters.add(request.prefix)
    parameters.add(end(ofPrefix: request.prefix))
    parameters.add(request.after?.bytes ?? [])
    parameters.add(Int64(request.entriesMax) + 1)
    parameters.add(request.includesValues ? Int64(request.valueBytesMax) : -1)
    return Statement(listing, parameters)
  }

  private static let listing = """
    WITH page AS (
      SELECT \(SQL.columns), entries.value, octet_length(entries.value)::INT8 AS size
      FROM entries
      WHERE entries.key >= $1 AND ($2::BYTEA IS NULL OR entries.key < $2) AND entries.key > $3
        AND NOT \(SQL.isDead(at: "(SELECT \(SQL.now))"))
      ORDER BY entries.key LIMIT $4),
    sized AS (
      SELECT page.*, (sum(page.size) OVER (ORDER BY page.key))::INT8 AS bytes FROM page)
    SELECT key, revision, version, content_type, created_at, updated_at, expires_at, size,
      CASE WHEN $5 >= 0 AND (bytes <= $5 OR bytes = size) THEN value END, bytes
    FROM sized ORDER BY key
    """

  /// The least byte string after all that start with a prefix; nil if there is none.
  static func end(ofPrefix prefix: [UInt8]) -> [UInt8]? {
    // Its last byte counted up; 0xFF can't be: what follows "a\u{FF}" is "b".
    var end = prefix
    while end.last == 0xFF { end.removeLast() }
    guard let last = end.popLast() else { return nil }
    return end + [last + 1]
  }

  // MARK: Purging

  /// Turns expired entries into tombstones. Rows: key and revision.
  static func expire(limit: Int) -> Statement {
    var parameters = Parameters()
    parameters.add(Int64(limit))
    return Statement(
      """
      WITH \(SQL.clock), doomed AS (
        SELECT e.key FROM entries AS e, clock
        WHERE e.expires_at <= clock.now AND e.expires_at IS NOT NULL
        ORDER BY e.expires_at LIMIT $1),
      purged AS (
        UPDATE entries SET value = NULL, content_type = '', version = -1,
          revision = greatest(entries.revision + 1, entries.expires_at),
          updated_at = clock.now, expires_at = NULL
        FROM doomed, clock
        WHERE entries.key = doomed.key AND entries.expires_at <= clock.now
        RETURNING entries.key, entries.revision, entries.created_at, entries.updated_at),
      boxed AS (
        INSERT INTO outbox
          (revision, key, kind, version, size, content_type, created_at, updated_at, expires_at)
        SELECT revision, key, \(SQL.Kind.expire), 0, 0, '', created_at, updated_at, NULL
        FROM purged RETURNING 1)
      SELECT key, revision FROM purged
      """, parameters)
  }

  /// The tables whose rows outlive their use, the column of their key, and what is to go.
  static let retained: [(table: String, key: String, isOver: String)] = [
    ("entries", "key", "value IS NULL AND updated_at"), ("operations", "id", "updated_at"),
    ("idempotency", "name", "created_at"),
  ]

  /// Removes at most `limit` rows of a table that are older than `age` µs. One row: how many.
  static func purge(
    _ kind: (table: String, key: String, isOver: String), olderThan age: Int64, limit: Int
  ) -> Statement {
    var parameters = Parameters()
    parameters.add(age)
    parameters.add(Int64(limit))
    let condition = "\(kind.isOver) < (SELECT \(SQL.now)) - $1"
    return Statement(
      """
      WITH gone AS (
        DELETE FROM \(kind.table) WHERE \(condition) AND \(kind.key) IN (
          SELECT \(kind.key) FROM \(kind.table) WHERE \(condition) LIMIT $2)
        RETURNING 1)
      SELECT count(*) FROM gone
      """, parameters)
  }

  // MARK: Relaying

  /// Changes that nobody has settled for `age` µs, with what their keys hold now. Rows: see
  /// `unpublished`.
  static func unpublished(olderThan age: Int64, limit: Int) -> Statement {
    var parameters = Parameters()
    parameters.add(age)
    parameters.add(Int64(limit))
    parameters.add(Int64(8 << 20))
    return Statement(
      """
      WITH waiting AS (
        SELECT outbox.revision, outbox.key, outbox.kind, outbox.version, outbox.size,
          outbox.content_type, outbox.created_at, outbox.updated_at, outbox.expires_at
        FROM outbox WHERE outbox.updated_at <= (SELECT \(SQL.now)) - $1
        ORDER BY outbox.revision, outbox.key LIMIT $2),
      sized AS (
        SELECT w.*, entries.revision AS now_revision, entries.version AS now_version,
          entries.content_type AS now_content_type, entries.created_at AS now_created_at,
          entries.updated_at AS now_updated_at, entries.expires_at AS now_expires_at,
          \(SQL.isDead(at: "(SELECT \(SQL.now))")) AS is_dead, entries.value,
          octet_length(entries.value)::INT8 AS now_size,
          (sum(coalesce(octet_length(entries.value), 0))
            OVER (ORDER BY w.revision, w.key))::INT8 AS bytes
        FROM waiting w LEFT JOIN entries ON entries.key = w.key)
      SELECT key, revision, version, content_type, created_at, updated_at, expires_at, kind, size,
        now_revision, now_version, now_content_type, now_created_at, now_updated_at,
        now_expires_at, is_dead, CASE WHEN is_dead THEN NULL ELSE value END
      FROM sized WHERE bytes <= $3 OR bytes = coalesce(now_size, 0)
      ORDER BY revision, key
      """, parameters)
  }

  /// Reads a row of `unpublished`.
  static func unpublished(_ rows: ResultSet, _ row: Int) -> UnpublishedChange {
    let key = Key(trusted: rows.bytes(row, 0))
    let revision = Revision(rows.number(row, 1))
    let kind: Change.Kind =
      switch rows.number(row, 7) {
      case SQL.Kind.put:
        .put(EntryRow.metadata(rows, row, key, size: Int(rows.number(row, 8))))
      case SQL.Kind.expire: .expire
      default: .delete
      }
    var current = Lookup.absent(Revision(rows.number(row, 9)))
    if !rows.isNull(row, 9), !rows.flag(row, 15) {
      let value = rows.bytes(row, 16)
      let metadata = Metadata(
        key: key, revision: Revision(rows.number(row, 9)), version: rows.number(row, 10),
        size: value.count, contentType: rows.text(row, 11),
        createdAt: Timestamp(microseconds: rows.number(row, 12)),
        updatedAt: Timestamp(microseconds: rows.number(row, 13)),
        expiresAt: rows.optionalNumber(row, 14).map { Timestamp(microseconds: $0) })
      current = .found(Entry(metadata: metadata, value: value))
    }
    return UnpublishedChange(
      change: Change(key: key, revision: revision, kind: kind), current: current,
      committedAt: Timestamp(microseconds: rows.number(row, 5)))
  }

  /// Forgets settled changes.
  static func settle(_ rows: [PublishedChanges.Row]) -> Statement {
    var parameters = Parameters()
    parameters.add(numbers: rows.map { $0.revision.number })
    parameters.add(array: rows.map { $0.key.bytes })
    return Statement(
      """
      DELETE FROM outbox WHERE (revision, key) IN (
        SELECT u.revision, u.key FROM unnest($1::INT8[], $2::BYTEA[]) AS u(revision, key))
      """, parameters)
  }
}
