import GRDB
import KeyValueStore

/// Reads entries. Not Sendable: it belongs to its connection's thread.
final class EntryReader {
  private let byKey: PreparedStatement
  private let forwards: PreparedStatement
  private let backwards: PreparedStatement
  private let value: PreparedStatement
  private let liveness: PreparedStatement

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    byKey = try PreparedStatement(
      """
      SELECT key, revision, version, created_at, updated_at, expires_at, content_type,
        length(value), value
      FROM entries WHERE key = ?1
      """, on: database)
    forwards = try PreparedStatement(EntryReader.scan("ASC"), on: database)
    backwards = try PreparedStatement(EntryReader.scan("DESC"), on: database)
    value = try PreparedStatement("SELECT value FROM entries WHERE id = ?1", on: database)
    liveness = try PreparedStatement(
      """
      SELECT version > 0 AND (expires_at IS NULL OR expires_at > ?3)
      FROM entries WHERE key >= ?1 AND key < ?2
      """, on: database)
  }

  /// Dead rows, too: the caller counts them. The values are read apart, because most rows behind a
  /// folded prefix are not listed.
  private static func scan(_ order: String) -> String {
    """
    SELECT key, revision, version, created_at, updated_at, expires_at, content_type,
      length(value), id
    FROM entries WHERE key >= ?1 AND key < ?2 ORDER BY key \(order)
    """
  }

  /// What `key` holds at `now`.
  func lookUp(_ key: Key, at now: Timestamp) throws(SQLiteFailure) -> Lookup {
    guard let lookup = try lookUp(key, valueBytesMax: .max, at: now) else {
      preconditionFailure("No value is too large")
    }
    return lookup
  }

  /// What `key` holds at `now`; nil for a value of more than `valueBytesMax` bytes.
  func lookUp(
    _ key: Key, valueBytesMax: Int, at now: Timestamp
  ) throws(SQLiteFailure) -> Lookup? {
    byKey.bind(key.bytes, at: 1)
    guard try byKey.step() else { return .absent(.none) }
    defer { byKey.reset() }
    let expiresAt = byKey.optionalNumber(5)
    if byKey.number(2) == 0 || expiresAt.map({ $0 <= now.microseconds }) ?? false {
      return .absent(Revision(byKey.number(1)))
    }
    let metadata = metadata(in: byKey, key: key)
    guard metadata.size <= valueBytesMax else { return nil }
    return .found(Entry(metadata: metadata, value: byKey.bytes(8)))
  }

  /// Continues a page with the entries that are live at `now`. Reads at most `rowsMax` rows.
  func advance(_ scan: inout PageScan, rowsMax: Int, at now: Timestamp) throws(SQLiteFailure) {
    let rows = scan.request.isReversed ? backwards : forwards
    let includesValues = scan.request.includesValues
    defer { rows.reset() }
    var rowsLeft = rowsMax
    while !scan.isComplete {
      let rest = scan.rest
      rows.bind(rest.first, at: 1)
      rows.bind(rest.end, at: 2)
      var step = PageScan.Step.next
      while step == .next {
        guard try rows.step() else { return scan.finish() }
        rowsLeft -= 1
        let isLive = isLive(rows, at: now)
        if isLive || rowsLeft <= 0 {
          let key = Key(trusted: rows.bytes(0))
          if isLive {
            step = try scan.take(metadata(in: rows, key: key)) { () throws(SQLiteFailure) in
              includesValues ? try value(inRow: rows.number(8)) : nil
            }
          } else {
            scan.pass(key)
          }
        }
        if rowsLeft <= 0 { return }
      }
      rows.reset()
    }
  }

  /// How many rows in a range are live at `now`, as far as there is time to read them.
  func count(
    _ range: KeyRange, at now: Timestamp, until end: ContinuousClock.Instant
  ) throws(SQLiteFailure) -> LiveCount {
    liveness.bind(range.first, at: 1)
    liveness.bind(range.end, at: 2)
    liveness.bind(now.microseconds, at: 3)
    defer { liveness.reset() }
    var (rows, count) = (0, 0)
    while try liveness.step() {
      rows += 1
      count += Int(liveness.number(0))
      if rows % EntryReader.rowsBetweenClockReadings == 0, ContinuousClock.now >= end {
        return LiveCount(count, isAtLeast: true)
      }
    }
    return LiveCount(count, isAtLeast: false)
  }

  /// About half a millisecond.
  private static let rowsBetweenClockReadings = 1_000

  private func value(inRow id: Int64) throws(SQLiteFailure) -> [UInt8] {
    value.bind(id, at: 1)
    defer { value.reset() }
    return try value.step() ? value.bytes(0) : []
  }

  private func isLive(_ row: PreparedStatement, at now: Timestamp) -> Bool {
    row.number(2) > 0 && row.optionalNumber(5).map { $0 > now.microseconds } ?? true
  }

  private func metadata(in row: PreparedStatement, key: Key) -> Metadata {
    Metadata(
      key: key, revision: Revision(row.number(1)), version: row.number(2),
      size: Int(row.number(7)), contentType: row.text(6),
      createdAt: Timestamp(microseconds: row.number(3)),
      updatedAt: Timestamp(microseconds: row.number(4)),
      expiresAt: row.optionalNumber(5).map { Timestamp(microseconds: $0) })
  }
}
