import KeyValueStore

/// Reads what keys hold.
enum LookUp {
  /// Values up to this size come with the first statement, which asks for at most 128 keys. Larger
  /// ones are asked for in a second one, as many at once as `bytesMax` allows.
  static let smallBytesMax: Int64 = 64 << 10
  static let bytesMax = 8 << 20

  /// What one row says.
  enum Found {
    case small(Lookup)
    /// A live entry whose value was left out.
    case large(Metadata)
  }

  /// What keys hold, without values of more than `valueBytesMax`. Rows: see `row`.
  static func statement(_ keys: [Key], valueBytesMax: Int64 = smallBytesMax) -> Statement {
    var parameters = Parameters()
    parameters.add(array: keys.map { $0.bytes })
    parameters.add(valueBytesMax)
    return Statement(text, parameters)
  }

  private static let text = """
    SELECT \(SQL.columns), octet_length(entries.value)::INT8, \(SQL.isDead(at: SQL.now)),
      CASE WHEN octet_length(entries.value) <= $2 THEN entries.value END
    FROM entries WHERE entries.key = ANY($1)
    """

  static func row(_ rows: ResultSet, _ row: Int) -> (key: Key, found: Found) {
    let key = Key(trusted: rows.bytes(row, 0))
    if rows.flag(row, 8) { return (key, .small(.absent(Revision(rows.number(row, 1))))) }
    let metadata = EntryRow.metadata(rows, row, key)
    if rows.isNull(row, 9) { return (key, .large(metadata)) }
    return (key, .small(.found(Entry(metadata: metadata, value: rows.bytes(row, 9)))))
  }
}

/// Reads the columns `SQL.columns` and the size behind them.
enum EntryRow {
  static func metadata(_ rows: ResultSet, _ row: Int, _ key: Key) -> Metadata {
    Metadata(
      key: key, revision: Revision(rows.number(row, 1)), version: rows.number(row, 2),
      size: Int(rows.number(row, 7)), contentType: rows.text(row, 3),
      createdAt: Timestamp(microseconds: rows.number(row, 4)),
      updatedAt: Timestamp(microseconds: rows.number(row, 5)),
      expiresAt: rows.optionalNumber(row, 6).map { Timestamp(microseconds: $0) })
  }
}
