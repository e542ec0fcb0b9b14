import KeyValueStore

/// Reads pages of live entries.
enum Listing {
  /// A page and one entry more. Rows: see `item`.
  static func statement(_ request: PageRequest, entriesMax: Int) -> Statement {
    var parameters = Parameters()
    parameters.add(request.prefix)
    parameters.add(end(ofPrefix: request.prefix))
    parameters.add(request.after?.bytes ?? [])
    parameters.add(Int64(entriesMax) + 1)
    parameters.add(request.includesValues ? Int64(request.valueBytesMax) : -1)
    return Statement(text, parameters)
  }

  private static let text = """
    WITH page AS (
      SELECT \(SQL.columns), entries.value, octet_length(entries.value)::INT8 AS size
      FROM entries
      WHERE entries.key >= $1 AND ($2::BYTEA IS NULL OR entries.key < $2) AND entries.key > $3
        AND NOT \(SQL.isDead(at: SQL.now))
      ORDER BY entries.key LIMIT $4),
    sized AS (
      SELECT page.*, (sum(page.size) OVER (ORDER BY page.key))::INT8 AS bytes FROM page)
    SELECT key, revision, version, content_type, created_at, updated_at, expires_at, size,
      CASE WHEN $5 >= 0 AND (bytes <= $5 OR bytes = size) THEN value END
    FROM sized ORDER BY key
    """

  /// A line of the page; nil: its value would be too much for the page.
  static func item(_ rows: ResultSet, _ row: Int, includesValues: Bool) -> Page.Item? {
    if includesValues, rows.isNull(row, 8) { return nil }
    return Page.Item(
      metadata: EntryRow.metadata(rows, row, Key(trusted: rows.bytes(row, 0))),
      value: includesValues ? rows.bytes(row, 8) : nil)
  }

  /// The least byte string after all that start with a prefix; nil if there is none.
  private static func end(ofPrefix prefix: [UInt8]) -> [UInt8]? {
    // Its last byte counted up; 0xFF can't be: what follows "a\u{FF}" is "b".
    var end = prefix
    while end.last == 0xFF { end.removeLast() }
    guard let last = end.popLast() else { return nil }
    return end + [last + 1]
  }
}
