import KeyValueStore

/// Reads rows of entries under lock, and writes back what was decided meanwhile.
enum LockedEntries {
  /// Locks what is there of some keys, in their byte order as every statement does. Rows: see
  /// `state`.
  static func lock(_ keys: [Key]) -> Statement {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    return Statement(
      """
      SELECT \(SQL.columns), coalesce(octet_length(entries.value), 0)::INT8, entries.value IS NULL
      FROM entries WHERE entries.key = ANY($1) ORDER BY entries.key FOR UPDATE
      """, parameters)
  }

  static func state(_ rows: ResultSet, _ row: Int) -> KeyState {
    let key = Key(trusted: rows.bytes(row, 0))
    return KeyState(
      key: key, revision: Revision(rows.number(row, 1)),
      entry: rows.flag(row, 8) ? nil : EntryRow.metadata(rows, row, key))
  }

  /// Values of keys that are locked. Rows: see `value`.
  static func values(_ keys: [Key]) -> Statement {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    return Statement("SELECT key, value FROM entries WHERE key = ANY($1)", parameters)
  }

  static func value(_ rows: ResultSet, _ row: Int) -> (key: Key, value: [UInt8]) {
    (Key(trusted: rows.bytes(row, 0)), rows.bytes(row, 1))
  }

  /// A row to be written; the value is nil for a tombstone.
  typealias Row = (state: KeyState, value: [UInt8]?)

  /// Adds rows of keys that had none. Should one have come meanwhile, the server refuses (23505).
  static func insert(_ rows: [Row], at now: Timestamp) -> Statement {
    Statement(
      """
      INSERT INTO entries \(SQL.insertedColumns)
      SELECT u.key, u.value, u.content_type, u.revision, u.version, u.created_at, u.updated_at,
        u.expires_at
      FROM \(unnested) ORDER BY u.key
      """, parameters(rows, at: now))
  }

  /// Replaces rows that are locked.
  static func update(_ rows: [Row], at now: Timestamp) -> Statement {
    Statement(
      """
      UPDATE entries SET value = u.value, content_type = u.content_type, revision = u.revision,
        version = u.version, created_at = u.created_at, updated_at = u.updated_at,
        expires_at = u.expires_at
      FROM \(unnested) WHERE entries.key = u.key
      """, parameters(rows, at: now))
  }

  private static let unnested = """
    unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::INT8[], $5::INT8[], $6::INT8[], $7::INT8[],
      $8::INT8[])
      AS u(key, value, content_type, revision, version, created_at, updated_at, expires_at)
    """

  private static func parameters(_ rows: [Row], at now: Timestamp) -> Parameters {
    let bytes = rows.reduce(256) { $0 + $1.state.key.bytes.count + ($1.value?.count ?? 0) + 96 }
    var parameters = Parameters(reserving: bytes)
    let entries = rows.map(\.state.entry)
    parameters.add(array: rows.map { $0.state.key.bytes })
    parameters.add(array: rows.map { $0.value })
    parameters.add(texts: entries.map { $0?.contentType ?? "" })
    parameters.add(numbers: rows.map { $0.state.revision.number })
    parameters.add(numbers: entries.map { $0?.version ?? 0 })
    parameters.add(numbers: entries.map { ($0?.createdAt ?? now).microseconds })
    parameters.add(numbers: entries.map { ($0?.updatedAt ?? now).microseconds })
    parameters.add(numbers: entries.map { $0?.expiresAt?.microseconds })
    return parameters
  }

  /// Gives locked rows a revision and leaves the rest of them alone.
  static func advance(_ states: [KeyState]) -> Statement {
    var parameters = Parameters()
    parameters.add(array: states.map { $0.key.bytes })
    parameters.add(numbers: states.map { $0.revision.number })
    return Statement(
      """
      UPDATE entries SET revision = u.revision
      FROM unnest($1::BYTEA[], $2::INT8[]) AS u(key, revision) WHERE entries.key = u.key
      """, parameters)
  }
}
