import GRDB
import KeyValueStore

/// Writes entries: a plain write is decided by the statement that carries it out, a queued one by
/// `KeyState`, between reading and writing its row.
///
/// Not Sendable: belongs to the writer's thread.
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

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    put = try PreparedStatement(EntryWriter.upsert(condition: nil), on: database)
    putConditionally = try PreparedStatement(
      EntryWriter.upsert(condition: "\(EntryWriter.isDead) OR \(EntryWriter.isNotExcluded)"),
      on: database)
    replace = try PreparedStatement(EntryWriter.replacement, on: database)
    delete = try PreparedStatement(EntryWriter.deletion, on: database)
    live = try PreparedStatement(EntryWriter.liveRevision, on: database)
    state = try PreparedStatement(EntryWriter.wholeState, on: database)
    store = try PreparedStatement(EntryWriter.storing, on: database)
    bury = try PreparedStatement(EntryWriter.burying, on: database)
    takePlace = try PreparedStatement(
      "UPDATE entries SET revision = ?2 WHERE key = ?1", on: database)
  }

  // MARK: Plain writes

  /// Carries out one write at `now`, after whatever was written before.
  func write(_ write: Write, at now: Timestamp) throws(SQLiteFailure) -> WriteOutcome {
    switch write.mutation {
    case .delete:
      return try carryOutDeletion(write, at: now)
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

  private func carryOutDeletion(
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

  /// Binds what all statements share: `?1` key, `?2` least revision, `?3` now, and where they have
  /// conditions `?7` the excluded revisions.
  private func bind(_ write: Write, to statement: PreparedStatement, at now: Timestamp) {
    statement.bind(write.key.bytes, at: 1)
    statement.bind(Revision.none.next(at: now).number, at: 2)
    statement.bind(now.microseconds, at: 3)
    guard statement !== put else { return }
    // No list excludes nothing; `*` is NULL, which excludes everything that lives.
    statement.bind(write.condition.ifNoneMatch.map(\.list) ?? "", at: 7)
  }

  /// Why a statement wrote nothing, read in the same transaction.
  private func refusal(
    of write: Write, at now: Timestamp
  ) throws(SQLiteFailure) -> WriteOutcome {
    live.bind(write.key.bytes, at: 1)
    live.bind(now.microseconds, at: 3)
    defer { live.reset() }
    let current = try live.step() ? Revision(live.number(0)) : nil
    return write.condition.holds(for: current) ? .notFound : .preconditionFailed(current: current)
  }

  // MARK: Queued writes

  /// Applies a queued write at `now`, in the place of its acceptance.
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
    guard state.number(1) > 0 else { return KeyState(key: key, revision: revision) }
    let entry = Metadata(
      key: key, revision: revision, version: state.number(1), size: Int(state.number(6)),
      contentType: state.text(5), createdAt: Timestamp(microseconds: state.number(2)),
      updatedAt: Timestamp(microseconds: state.number(3)),
      expiresAt: state.optionalNumber(4).map { Timestamp(microseconds: $0) })
    return KeyState(key: key, revision: revision, entry: entry)
  }

  /// Writes what a queued write has made of its key.
  private func save(
    _ state: KeyState, of write: Write, at now: Timestamp
  ) throws(SQLiteFailure) {
    guard let entry = state.entry else {
      bind(state, to: bury)
      bury.bind(now.microseconds, at: 3)
      return try bury.run()
    }
    guard case .put(let value, _, _) = write.mutation else {
      bind(state, to: takePlace)
      return try takePlace.run()
    }
    bind(state, to: store)
    store.bind(now.microseconds, at: 3)
    store.bind(entry.expiresAt?.microseconds, at: 4)
    store.bind(entry.contentType, at: 5)
    store.bind(entry.version, at: 7)
    store.bind(entry.createdAt.microseconds, at: 8)
    try store.lending(value, at: 6) { () throws(SQLiteFailure) in try store.run() }
  }

  private func bind(_ state: KeyState, to statement: PreparedStatement) {
    statement.bind(state.key.bytes, at: 1)
    statement.bind(state.revision.number, at: 2)
  }
}

extension Condition.Match {
  /// `,1,22,` for SQL's `instr`, nil for any.
  fileprivate var list: String? {
    switch self {
    case .any: nil
    case .revisions(let revisions):
      revisions.reduce(into: ",") { list, revision in list += "\(revision.number)," }
    }
  }
}
