import GRDB
import KeyValueStore

/// Writes entries. The statement of a plain put or delete decides its condition; `KeyState` decides
/// a patch and a queued write, after its row was read and before it is written.
///
/// Not Sendable: it belongs to the writer's thread.
final class EntryWriter {
  private let put: PreparedStatement
  private let putConditionally: PreparedStatement
  private let replace: PreparedStatement
  private let delete: PreparedStatement
  private let live: PreparedStatement
  private let state: PreparedStatement
  private let store: PreparedStatement
  private let bury: PreparedStatement
  private let takePlace: PreparedStatement
  private let change: PreparedStatement

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    put = try PreparedStatement(SQL.upsert(condition: nil), on: database)
    putConditionally = try PreparedStatement(
      SQL.upsert(condition: "\(SQL.isDead) OR \(SQL.isNotExcluded)"),
      on: database)
    replace = try PreparedStatement(SQL.replacement, on: database)
    delete = try PreparedStatement(SQL.deletion, on: database)
    live = try PreparedStatement(SQL.liveRevision, on: database)
    state = try PreparedStatement(SQL.wholeState, on: database)
    store = try PreparedStatement(SQL.storing, on: database)
    bury = try PreparedStatement(SQL.burying, on: database)
    takePlace = try PreparedStatement(
      "UPDATE entries SET revision = ?2 WHERE key = ?1", on: database)
    change = try PreparedStatement(SQL.changing, on: database)
  }

  // MARK: Plain writes

  /// Makes one write at `now`, after all earlier writes.
  func write(_ write: Write, at now: Timestamp) throws(SQLiteFailure) -> WriteOutcome {
    switch write.mutation {
    case .delete:
      return try deleteEntry(write, at: now)
    case .patch:
      let before = try readState(of: write.key)
      var after = before
      let outcome = after.write(write, at: now)
      if outcome.hasWritten { try save(after, of: write, at: now) }
      return outcome
    case .put(let value, let contentType, let timeToLive):
      let statement = statement(for: write.condition)
      bind(write, to: statement, at: now)
      let expiresAt = timeToLive.map { now.adding(seconds: $0) }
      statement.bind(expiresAt?.microseconds, at: 4)
      statement.bind(contentType, at: 5)
      let stored = try statement.lending(value, at: 6) { () throws(SQLiteFailure) -> Metadata? in
        guard try statement.step() else { return nil }
        let metadata = Metadata(
          key: write.key, revision: Revision(statement.number(0)), version: statement.number(1),
          size: value.count, contentType: contentType,
          createdAt: Timestamp(microseconds: statement.number(2)), updatedAt: now,
          expiresAt: expiresAt)
        try statement.run()
        return metadata
      }
      if let stored { return .stored(stored) }
      return try refusal(of: write, at: now)
    }
  }

  private func deleteEntry(
    _ write: Write, at now: Timestamp
  ) throws(SQLiteFailure) -> WriteOutcome {
    bind(write, to: delete, at: now)
    delete.bind(write.condition.ifMatch?.list, at: 8)
    if try delete.step() {
      let revision = Revision(delete.number(0))
      try delete.run()
      return .deleted(revision)
    }
    return try refusal(of: write, at: now)
  }

  private func statement(for condition: Condition) -> PreparedStatement {
    if let match = condition.ifMatch {
      replace.bind(match.list, at: 8)
      return replace
    }
    return condition.ifNoneMatch == nil ? put : putConditionally
  }

  /// Binds the common parameters: `?1` key, `?2` least revision, `?3` now, and `?7` the excluded
  /// revisions where the statement has a condition.
  private func bind(_ write: Write, to statement: PreparedStatement, at now: Timestamp) {
    statement.bind(write.key.bytes, at: 1)
    statement.bind(Revision.none.next(at: now).number, at: 2)
    statement.bind(now.microseconds, at: 3)
    guard statement !== put else { return }
    // An empty list excludes nothing. `*` is NULL, which excludes every live entry.
    statement.bind(write.condition.ifNoneMatch.map(\.list) ?? "", at: 7)
  }

  /// The outcome of a write whose statement wrote nothing, read in the same transaction.
  private func refusal(
    of write: Write, at now: Timestamp
  ) throws(SQLiteFailure) -> WriteOutcome {
    live.bind(write.key.bytes, at: 1)
    live.bind(now.microseconds, at: 3)
    defer { live.reset() }
    let current = try live.step() ? Revision(live.number(0)) : nil
    return write.condition.holds(for: current) ? .notFound : .preconditionFailed(current: current)
  }

  // MARK: Queued writes and patches

  /// Applies a queued write at `now`, with the time of its acceptance as its revision.
  func apply(
    _ queued: QueuedWrite, at now: Timestamp, tombstonesSince oldest: Timestamp
  ) throws(SQLiteFailure) -> AppliedWrite {
    let before = try readState(of: queued.write.key)
    var after = before
    let applied = after.apply(queued, at: now, tombstonesSince: oldest)
    if after != before { try save(after, of: queued.write, at: now) }
    return applied
  }

  private func readState(of key: Key) throws(SQLiteFailure) -> KeyState {
    state.bind(key.bytes, at: 1)
    defer { state.reset() }
    guard try state.step() else { return KeyState(key: key) }
    let revision = Revision(state.number(0))
    guard state.number(1) > 0 else {
      return KeyState(key: key, revision: revision, lastChange: nil)
    }
    let entry = Metadata(
      key: key, revision: revision, version: state.number(1), size: Int(state.number(6)),
      contentType: state.text(5), createdAt: Timestamp(microseconds: state.number(2)),
      updatedAt: Timestamp(microseconds: state.number(3)),
      expiresAt: state.optionalNumber(4).map { Timestamp(microseconds: $0) })
    return KeyState(
      key: key, revision: revision, lastChange: nil, entry: entry,
      smallValue: entry.size <= Int64.textBytesMax ? state.bytes(7) : nil)
  }

  /// Stores the state of a key after a queued write or a patch.
  private func save(
    _ state: KeyState, of write: Write, at now: Timestamp
  ) throws(SQLiteFailure) {
    guard let entry = state.entry else {
      bind(state, to: bury)
      bury.bind(now.microseconds, at: 3)
      return try bury.run()
    }
    if let value = state.value(storedBy: write) {
      bind(state, to: store)
      bind(entry, to: store, at: now)
      store.bind(entry.createdAt.microseconds, at: 8)
      try store.lending(value, at: 6) { () throws(SQLiteFailure) in try store.run() }
    } else if case .patch = write.mutation {
      bind(state, to: change)
      bind(entry, to: change, at: now)
      try change.run()
    } else {
      bind(state, to: takePlace)
      try takePlace.run()
    }
  }

  private func bind(_ entry: Metadata, to statement: PreparedStatement, at now: Timestamp) {
    statement.bind(now.microseconds, at: 3)
    statement.bind(entry.expiresAt?.microseconds, at: 4)
    statement.bind(entry.contentType, at: 5)
    statement.bind(entry.version, at: 7)
  }

  private func bind(_ state: KeyState, to statement: PreparedStatement) {
    statement.bind(state.key.bytes, at: 1)
    statement.bind(state.revision.number, at: 2)
  }
}

/// The statements of `EntryWriter`.
///
/// Parameters: `?1` key, `?2` revision (the least one of a plain write), `?3` now, `?4` expiry,
/// `?5` content type, `?6` value; of plain writes `?7` revisions that must not match (NULL: any)
/// and `?8` revisions that must match (NULL: any); of what `KeyState` has decided `?7` version and
/// `?8` time of creation.
private enum SQL {
  /// True for tombstones and expired entries; never NULL.
  static let isDead = "(version = 0 OR ifnull(expires_at <= ?3, 0))"

  /// NULL, which is not true, if `?7` is NULL.
  static let isNotExcluded = "instr(?7, ',' || revision || ',') = 0"

  private static let changes = """
    revision = max(revision + 1, ?2),
    version = CASE WHEN expires_at <= ?3 THEN 1 ELSE version + 1 END,
    created_at = CASE WHEN \(isDead) THEN ?3 ELSE created_at END,
    updated_at = ?3, expires_at = ?4, content_type = ?5, value = ?6
    """

  private static let liveMatches = """
    key = ?1 AND NOT \(isDead) AND \(isNotExcluded)
    AND (?8 IS NULL OR instr(?8, ',' || revision || ',') > 0)
    """

  private static let columns =
    "(key, revision, version, created_at, updated_at, expires_at, content_type, value)"

  /// Stores a value, whether there is an entry or not. `condition` must be true of an existing row.
  static func upsert(condition: String?) -> String {
    """
    INSERT INTO entries \(columns) VALUES (?1, ?2, 1, ?3, ?3, ?4, ?5, ?6)
    ON CONFLICT (key) DO UPDATE SET \(changes) \(condition.map { "WHERE " + $0 } ?? "")
    RETURNING revision, version, created_at
    """
  }

  /// Stores a value where a live entry matches.
  static let replacement = """
    UPDATE entries SET \(changes) WHERE \(liveMatches) RETURNING revision, version, created_at
    """

  /// Turns a live entry that matches into a tombstone.
  static let deletion = """
    UPDATE entries SET revision = max(revision + 1, ?2), version = 0, updated_at = ?3,
      expires_at = NULL, content_type = '', value = NULL
    WHERE \(liveMatches) RETURNING revision
    """

  /// The revision of a key's live entry.
  static let liveRevision = "SELECT revision FROM entries WHERE key = ?1 AND NOT \(isDead)"

  /// A key's row, with its value if that is short.
  static let wholeState = """
    SELECT revision, version, created_at, updated_at, expires_at, content_type, length(value),
      CASE WHEN length(value) <= \(Int64.textBytesMax) THEN value END
    FROM entries WHERE key = ?1
    """

  /// Stores an entry as it is given.
  static let storing = """
    INSERT INTO entries \(columns) VALUES (?1, ?2, ?7, ?8, ?3, ?4, ?5, ?6)
    ON CONFLICT (key) DO UPDATE SET revision = ?2, version = ?7, created_at = ?8, updated_at = ?3,
      expires_at = ?4, content_type = ?5, value = ?6
    """

  /// Stores an entry as it is given, but for its value and the time of its creation.
  static let changing = """
    UPDATE entries SET revision = ?2, version = ?7, updated_at = ?3, expires_at = ?4,
      content_type = ?5
    WHERE key = ?1
    """

  /// Stores a tombstone as it is given.
  static let burying = """
    INSERT INTO entries (key, revision, version, created_at, updated_at, content_type)
    VALUES (?1, ?2, 0, ?3, ?3, '')
    ON CONFLICT (key) DO UPDATE SET revision = ?2, version = 0, updated_at = ?3,
      expires_at = NULL, content_type = '', value = NULL
    """
}

extension Condition.Match {
  /// `,1,22,` for SQLite's `instr`, nil for any.
  fileprivate var list: String? {
    switch self {
    case .any: nil
    case .revisions(let revisions):
      revisions.reduce(into: ",") { list, revision in list += "\(revision.number)," }
    }
  }
}
