import GRDB
import KeyValueStore

/// Reads entries. Not Sendable: it belongs to its connection's thread.
final class EntryReader {
  private let byKey: PreparedStatement
  private let page: PreparedStatement
  private let pageWithValues: PreparedStatement

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    byKey = try PreparedStatement(
      """
      SELECT key, revision, version, created_at, updated_at, expires_at, content_type,
        length(value), value
      FROM entries WHERE key = ?1
      """, on: database)
    page = try PreparedStatement(EntryReader.pageQuery(value: "NULL"), on: database)
    pageWithValues = try PreparedStatement(EntryReader.pageQuery(value: "value"), on: database)
  }

  private static func pageQuery(value: String) -> String {
    """
    SELECT key, revision, version, created_at, updated_at, expires_at, content_type,
      length(value), \(value)
    FROM entries
    WHERE key >= ?1 AND key < ?2 AND version > 0 AND (expires_at IS NULL OR expires_at > ?3)
    ORDER BY key LIMIT ?4
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

  /// A page of the entries that are live at `now`.
  func list(_ request: PageRequest, at now: Timestamp) throws(SQLiteFailure) -> Page {
    let bounds = KeyRange(prefix: request.prefix, after: request.after)
    let query = request.includesValues ? pageWithValues : page
    query.bind(bounds.first, at: 1)
    query.bind(bounds.end, at: 2)
    query.bind(now.microseconds, at: 3)
    // One more than asked for, to see whether there are more.
    query.bind(Int64(request.entriesMax) + 1, at: 4)
    defer { query.reset() }
    var items: [Page.Item] = []
    var valueBytes = 0
    while try query.step() {
      if items.count == request.entriesMax { return Page(items: items, hasMore: true) }
      let metadata = metadata(in: query, key: Key(trusted: query.bytes(0)))
      guard request.includesValues else {
        items.append(Page.Item(metadata: metadata, value: nil))
        continue
      }
      valueBytes += metadata.size
      if !items.isEmpty, valueBytes > request.valueBytesMax {
        return Page(items: items, hasMore: true)
      }
      items.append(Page.Item(metadata: metadata, value: query.bytes(8)))
    }
    return Page(items: items, hasMore: false)
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

/// The keys that start with a prefix and follow a key, as a range of byte strings.
private struct KeyRange {
  /// The least byte string of the range.
  let first: [UInt8]
  /// The least byte string after the range.
  let end: [UInt8]

  init(prefix: [UInt8], after: Key?) {
    // Nothing lies between a key and the key followed by a zero byte.
    let next = after.map { $0.bytes + [0] } ?? []
    first = prefix.lexicographicallyPrecedes(next) ? next : prefix
    // The first byte string after all that start with the prefix: the prefix with its last byte
    // incremented. 0xFF can't be incremented: "b" follows "a\u{FF}".
    var end = prefix
    while end.last == 0xFF { end.removeLast() }
    if let last = end.popLast() {
      end.append(last + 1)
    } else {
      // No prefix, or only 0xFF bytes: this is longer than any key, and so after all of them.
      end = [UInt8](repeating: 0xFF, count: Key.bytesMax + 1)
    }
    self.end = end
  }
}
