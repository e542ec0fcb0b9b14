import KeyValueStore

/// The statements on the table of entries: look-ups, pages, and reading rows under lock and writing
/// them back. `BulkWrites` has those that decide by themselves.
enum Entries {
  // MARK: Look-ups

  /// Values up to this size come with the first statement, which looks up at most 128 keys. Larger
  /// ones are read by a second statement, as many at once as `bytesMax` allows.
  static let smallBytesMax: Int64 = 64 << 10
  static let bytesMax = 8 << 20

  /// The key of a row, and what the row holds.
  struct Found {
    enum Content {
      case small(Lookup)
      /// A live entry whose value was left out.
      case large(Metadata)
    }

    let key: Key
    let content: Content

    fileprivate init(_ columns: Columns) {
      key = columns.key(0)
      guard !columns.flag(8) else {
        content = .small(.absent(columns.revision(1)))
        return
      }
      let metadata = Metadata(columns, of: key)
      content =
        columns.isNull(9)
        ? .large(metadata) : .small(.found(Entry(metadata: metadata, value: columns.bytes(9))))
    }
  }

  /// What keys hold, without values of more than `valueBytesMax`.
  static func lookUp(_ keys: [Key], valueBytesMax: Int64 = smallBytesMax) -> Query<Found> {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    parameters.add(valueBytesMax)
    return Query(lookingUp, parameters) { Found($0) }
  }

  private static let lookingUp = """
    SELECT \(columns), octet_length(entries.value)::INT8, \(isDead(at: SQL.now)),
      CASE WHEN octet_length(entries.value) <= $2 THEN entries.value END
    FROM entries WHERE entries.key = ANY($1)
    """

  // MARK: Lists

  /// A row that a list has read.
  struct ScannedRow {
    let metadata: Metadata
    let isLive: Bool
    /// Whether the statement stopped behind this row, as it had read `rowsMax`.
    let isLast: Bool
  }

  /// Reads at most `rowsMax` rows of a range, and returns those that are live, at most `liveMax`,
  /// and the last one in any case. The first bounds what the statement reads, the second what it
  /// sends.
  static func scan(
    _ range: KeyRange, isReversed: Bool, rowsMax: Int, liveMax: Int
  ) -> Query<ScannedRow> {
    var parameters = Parameters()
    parameters.add(range.first)
    parameters.add(range.end)
    parameters.add(Int64(rowsMax))
    parameters.add(Int64(liveMax))
    return Query(isReversed ? scanningBack : scanning, parameters) { columns in
      ScannedRow(
        metadata: Metadata(columns, of: columns.key(0)), isLive: !columns.flag(8),
        isLast: columns.number(9) == Int64(rowsMax))
    }
  }

  private static let scanning = scanning(order: "ASC")
  private static let scanningBack = scanning(order: "DESC")

  private static func scanning(order: String) -> String {
    """
    WITH scanned AS (
      SELECT \(columns), octet_length(entries.value)::INT8 AS size,
        \(isDead(at: SQL.now)) AS is_dead
      FROM entries WHERE entries.key >= $1 AND entries.key < $2
      ORDER BY entries.key \(order) LIMIT $3),
    placed AS (
      SELECT scanned.*, (row_number() OVER (ORDER BY scanned.key \(order)))::INT8 AS place
      FROM scanned)
    SELECT key, revision, version, content_type, created_at, updated_at, expires_at, size, is_dead,
      place
    FROM placed WHERE NOT is_dead OR place = $3 ORDER BY key \(order) LIMIT $4
    """
  }

  /// The entries of some keys that are live, in the order of the list. The value is nil where
  /// it does not fit into `bytesMax` together with those before it; the first one may exceed it.
  static func valued(_ keys: [Key], isReversed: Bool, bytesMax: Int) -> Query<Page.Item> {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    parameters.add(Int64(bytesMax))
    return Query(isReversed ? valuingBack : valuing, parameters) { columns in
      Page.Item(
        metadata: Metadata(columns, of: columns.key(0)),
        value: columns.isNull(8) ? nil : columns.bytes(8))
    }
  }

  private static let valuing = valuing(order: "ASC")
  private static let valuingBack = valuing(order: "DESC")

  private static func valuing(order: String) -> String {
    """
    WITH page AS (
      SELECT \(columns), entries.value, octet_length(entries.value)::INT8 AS size
      FROM entries WHERE entries.key = ANY($1) AND NOT \(isDead(at: SQL.now))),
    sized AS (
      SELECT page.*, (sum(page.size) OVER (ORDER BY page.key \(order)))::INT8 AS bytes FROM page)
    SELECT key, revision, version, content_type, created_at, updated_at, expires_at, size,
      CASE WHEN bytes <= $2 OR bytes = size THEN value END
    FROM sized ORDER BY key \(order)
    """
  }

  /// Reads at most `rowsMax` rows of a range: how many it has read, and how many of them are live
  /// by one reading of the clock.
  static func count(_ range: KeyRange, rowsMax: Int) -> Query<(live: Int, rows: Int)> {
    var parameters = Parameters()
    parameters.add(range.first)
    parameters.add(range.end)
    parameters.add(Int64(rowsMax))
    return Query(counting, parameters) { (Int($0.number(0)), Int($0.number(1))) }
  }

  private static let counting = """
    WITH \(SQL.clock), scanned AS (
      SELECT entries.value IS NOT NULL AS is_entry, entries.expires_at
      FROM entries WHERE entries.key >= $1 AND entries.key < $2
      ORDER BY entries.key LIMIT $3)
    SELECT
      count(*) FILTER (WHERE is_entry AND coalesce(expires_at > clock.now, true))::INT8,
      count(*)::INT8
    FROM clock CROSS JOIN scanned
    """

  // MARK: Rows under lock

  /// Locks the rows of some keys, as far as there are any, in byte order of the keys, as every
  /// statement does.
  static func lock(_ keys: [Key]) -> Query<KeyState> {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    return Query(
      """
      SELECT \(columns), coalesce(octet_length(entries.value), 0)::INT8, entries.value IS NULL,
        CASE WHEN octet_length(entries.value) <= \(Int64.textBytesMax) THEN entries.value END,
        entries.changed
      FROM entries WHERE entries.key = ANY($1) ORDER BY entries.key FOR UPDATE
      """, parameters
    ) { columns in
      let key = columns.key(0)
      return KeyState(
        key: key, revision: columns.revision(1),
        lastChange: columns.optionalNumber(10).map { Revision($0) },
        entry: columns.flag(8) ? nil : Metadata(columns, of: key),
        smallValue: columns.isNull(9) ? nil : columns.bytes(9))
    }
  }

  /// The values of keys that are locked.
  static func values(_ keys: [Key]) -> Query<(key: Key, value: [UInt8])> {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    return Query("SELECT key, value FROM entries WHERE key = ANY($1)", parameters) {
      ($0.key(0), $0.bytes(1))
    }
  }

  /// A row to write; the value is nil for a tombstone.
  typealias NewRow = (state: KeyState, value: [UInt8]?)

  /// Adds rows of keys that had none. If another transaction has added one of them meanwhile, the
  /// server refuses (23505).
  static func insert(_ rows: [NewRow], at now: Timestamp) -> Statement {
    Statement(
      """
      INSERT INTO entries \(insertedColumns)
      SELECT u.key, u.value, u.content_type, u.revision, u.version, u.created_at, u.updated_at,
        u.expires_at, NULL::INT8, u.changed
      FROM \(unnested) ORDER BY u.key
      """, parameters(rows, at: now))
  }

  /// Replaces rows that are locked.
  static func update(_ rows: [NewRow], at now: Timestamp) -> Statement {
    Statement(
      """
      UPDATE entries SET value = u.value, content_type = u.content_type, revision = u.revision,
        version = u.version, created_at = u.created_at, updated_at = u.updated_at,
        expires_at = u.expires_at, changed = u.changed
      FROM \(unnested) WHERE entries.key = u.key
      """, parameters(rows, at: now))
  }

  private static let unnested = """
    unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::INT8[], $5::INT8[], $6::INT8[], $7::INT8[],
      $8::INT8[], $9::INT8[])
      AS u(key, value, content_type, revision, version, created_at, updated_at, expires_at, changed)
    """

  private static func parameters(_ rows: [NewRow], at now: Timestamp) -> Parameters {
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
    parameters.add(numbers: rows.map { $0.state.lastChange?.number })
    return parameters
  }

  /// Replaces rows that are locked, but for their values.
  static func patch(_ states: [KeyState]) -> Statement {
    var parameters = Parameters()
    let entries = states.map(\.entry)
    parameters.add(array: states.map { $0.key.bytes })
    parameters.add(texts: entries.map { $0?.contentType ?? "" })
    parameters.add(numbers: states.map { $0.revision.number })
    parameters.add(numbers: entries.map { $0?.version })
    parameters.add(numbers: entries.map { $0?.updatedAt.microseconds })
    parameters.add(numbers: entries.map { $0?.expiresAt?.microseconds })
    parameters.add(numbers: states.map { $0.lastChange?.number })
    return Statement(
      """
      UPDATE entries SET content_type = u.content_type, revision = u.revision,
        version = u.version, updated_at = u.updated_at, expires_at = u.expires_at,
        changed = u.changed
      FROM unnest($1::BYTEA[], $2::TEXT[], $3::INT8[], $4::INT8[], $5::INT8[], $6::INT8[],
        $7::INT8[]) AS u(key, content_type, revision, version, updated_at, expires_at, changed)
      WHERE entries.key = u.key
      """, parameters)
  }

  /// Gives locked rows a revision and leaves their other columns alone.
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

  // MARK: Parts of statements

  /// Whether a row is a tombstone, or had expired by `time`; never NULL.
  static func isDead(at time: String) -> String {
    "(entries.value IS NULL OR coalesce(entries.expires_at <= \(time), false))"
  }

  /// The columns of an entry. Behind them the statements here select the size: see `Metadata.init`.
  static let columns =
    "entries.key, entries.revision, entries.version, entries.content_type, "
    + "entries.created_at, entries.updated_at, entries.expires_at"

  static let insertedColumns = """
    (key, value, content_type, revision, version, created_at, updated_at, expires_at, previous,
      changed)
    """

  /// The assignments of a statement that changes a row and gives it `revision`. RETURNING has no
  /// access to what a row held before: so the row keeps what the change follows.
  static func following(_ revision: String) -> String {
    "revision = \(revision), previous = entries.changed, changed = \(revision)"
  }
}

extension Metadata {
  /// Reads `Entries.columns` and the size behind them.
  fileprivate init(_ columns: Columns, of key: Key) {
    self.init(
      key: key, revision: columns.revision(1), version: columns.number(2),
      size: Int(columns.number(7)), contentType: columns.text(3),
      createdAt: columns.timestamp(4), updatedAt: columns.timestamp(5),
      expiresAt: columns.optionalTimestamp(6))
  }
}

/// Parts that statements on several tables share, in the subset of SQL that CockroachDB and
/// PostgreSQL have in common.
enum SQL {
  /// The database's clock in µs: that of this moment, not of the transaction's start.
  static let now = "(extract(epoch FROM clock_timestamp()) * 1000000)::INT8"

  /// The clock, read once a statement: `WITH clock AS …`.
  static let clock = "clock AS (SELECT \(now) AS now)"

  /// What the database's clock says, in µs since 1970.
  static let clockReading = Query("SELECT \(now)") { $0.number(0) }

  /// Indexes on what grows with time begin with a number below this, so that on CockroachDB not all
  /// of their inserts meet in the last range. The low digits of a time in µs are as good as random.
  static let buckets: Int64 = 8

  /// The first column of such an index on a time or a revision. A query has to use this very text.
  static func bucket(of column: String) -> String { "(\(column) % \(buckets))" }
}
