import KeyValueStore

/// Reads rows of entries.
enum EntryRow {
  /// A row of `EntryStatements.read`.
  static func lookup(_ rows: ResultSet, _ row: Int) -> (key: Key, lookup: Lookup) {
    let key = Key(trusted: rows.bytes(row, 0))
    let revision = Revision(rows.number(row, 1))
    if rows.flag(row, 7) { return (key, .absent(revision)) }
    let value = rows.bytes(row, 8)
    return (key, .found(Entry(metadata: metadata(rows, row, key, size: value.count), value: value)))
  }

  /// The columns `SQL.columns`.
  static func metadata(_ rows: ResultSet, _ row: Int, _ key: Key, size: Int) -> Metadata {
    Metadata(
      key: key, revision: Revision(rows.number(row, 1)), version: rows.number(row, 2), size: size,
      contentType: rows.text(row, 3),
      createdAt: Timestamp(microseconds: rows.number(row, 4)),
      updatedAt: Timestamp(microseconds: rows.number(row, 5)),
      expiresAt: rows.optionalNumber(row, 6).map { Timestamp(microseconds: $0) })
  }

  /// A row of `SQL.written`, of the write that made it.
  static func outcome(_ rows: ResultSet, _ row: Int, of write: Write) -> WriteOutcome {
    let revision = Revision(rows.number(row, 1))
    guard let stored = write.stored else { return .deleted(revision) }
    return .stored(
      Metadata(
        key: write.key, revision: revision, version: rows.number(row, 2), size: stored.value.count,
        contentType: stored.contentType,
        createdAt: Timestamp(microseconds: rows.number(row, 3)),
        updatedAt: Timestamp(microseconds: rows.number(row, 4)),
        expiresAt: rows.optionalNumber(row, 5).map { Timestamp(microseconds: $0) }))
  }

  /// A row of `EntryStatements.state`: the live entry's revision, and whether the write before it
  /// came too late.
  static func state(_ rows: ResultSet) -> (live: Revision?, isLate: Bool) {
    guard rows.count == 1 else { return (nil, true) }
    let live = rows.flag(0, 1) ? nil : rows.optionalNumber(0, 0).map { Revision($0) }
    return (live, rows.flag(0, 2))
  }
}
