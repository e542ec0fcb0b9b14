import GRDB
import KeyValueStore

/// Writes entries, each write decided by the statement that carries it out.
///
/// Not Sendable: belongs to the writer's thread.
final class EntryWriter {
  /// Where a write stands in its key's history.
  enum Place {
    /// After whatever was written before.
    case next
    /// At this time, if nothing as new has been written.
    case acceptedAt(Timestamp)
  }

  /// What became of a write that has a place.
  enum Outcome {
    /// It was carried out or found that it must not be.
    case decided(WriteOutcome)
    /// The key has this revision, which is not older than the write's place.
    case superseded(by: Revision)
  }

  private let put: PreparedStatement
  private let putConditionally: PreparedStatement
  private let replace: PreparedStatement
  private let delete: PreparedStatement
  private let state: PreparedStatement
  private let tombstone: PreparedStatement

  init(on database: GRDB.Database) throws(SQLiteFailure) {
    put = try PreparedStatement(EntryWriter.upsert(condition: nil), on: database)
    putConditionally = try PreparedStatement(
      EntryWriter.upsert(
        condition: "revision < ?7 AND (\(EntryWriter.isDead) OR \(EntryWriter.isNotExcluded))"),
      on: database)
    replace = try PreparedStatement(EntryWriter.replacement, on: database)
    delete = try PreparedStatement(EntryWriter.deletion, on: database)
    state = try PreparedStatement(
      "SELECT revision, \(EntryWriter.isDead) FROM entries WHERE key = ?1", on: database)
    tombstone = try PreparedStatement(EntryWriter.emptyPlace, on: database)
  }

  /// Carries out one write at `now`.
  func write(
    _ write: Write, place: Place = .next, at now: Timestamp
  ) throws(SQLiteFailure) -> Outcome {
    switch write.mutation {
    case .delete:
      return try carryOutDeletion(write, place: place, at: now)
    case .put(let value, let contentType, let timeToLive):
      let statement = statement(for: write.condition, place: place)
      bind(write, to: statement, place: place, at: now)
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
      if let stored { return .decided(.stored(stored)) }
      return try refusal(of: write, place: place, at: now)
    }
  }

  private func carryOutDeletion(
    _ write: Write, place: Place, at now: Timestamp
  ) throws(SQLiteFailure) -> Outcome {
    bind(write, to: delete, place: place, at: now)
    delete.bind(write.condition.ifMatch?.list, at: 9)
    if try delete.step() {
      let revision = Revision(delete.number(0))
      try delete.run()
      return .decided(.deleted(revision))
    }
    return try refusal(of: write, place: place, at: now)
  }

  private func statement(for condition: Condition, place: Place) -> PreparedStatement {
    if let match = condition.ifMatch {
      replace.bind(match.list, at: 9)
      return replace
    }
    if condition.ifNoneMatch == nil, case .next = place { return put }
    return putConditionally
  }

  /// Binds what all statements share: `?1` key, `?2` least revision, `?3` now, and where they have
  /// conditions `?7` the revision that must not have been reached and `?8` the excluded ones.
  private func bind(
    _ write: Write, to statement: PreparedStatement, place: Place, at now: Timestamp
  ) {
    statement.bind(write.key.bytes, at: 1)
    statement.bind(now.microseconds, at: 3)
    switch place {
    case .next: statement.bind(Revision.none.next(at: now).number, at: 2)
    case .acceptedAt(let time): statement.bind(time.microseconds, at: 2)
    }
    guard statement !== put else { return }
    switch place {
    case .next: statement.bind(Int64.max, at: 7)
    case .acceptedAt(let time): statement.bind(time.microseconds, at: 7)
    }
    // No list excludes nothing; `*` is NULL, which excludes everything that lives.
    statement.bind(write.condition.ifNoneMatch.map(\.list) ?? "", at: 8)
  }

  /// Why a statement wrote nothing, read in the same transaction.
  private func refusal(
    of write: Write, place: Place, at now: Timestamp
  ) throws(SQLiteFailure) -> Outcome {
    state.bind(write.key.bytes, at: 1)
    state.bind(now.microseconds, at: 3)
    defer { state.reset() }
    let exists = try state.step()
    let revision = exists ? Revision(state.number(0)) : .none
    let live = exists && state.number(1) == 0 ? revision : nil
    if case .acceptedAt(let time) = place, revision.number >= time.microseconds {
      return .superseded(by: revision)
    }
    guard write.condition.holds(for: live) else {
      return .decided(.preconditionFailed(current: live))
    }
    if case .acceptedAt(let time) = place {
      try leaveTombstone(for: write.key, acceptedAt: time, at: now)
    }
    return .decided(.notFound)
  }

  /// A queued delete that finds nothing takes its place in the key's history all the same: a put
  /// that was accepted before it, and is delivered after it, must not bring the key back.
  private func leaveTombstone(
    for key: Key, acceptedAt time: Timestamp, at now: Timestamp
  ) throws(SQLiteFailure) {
    tombstone.bind(key.bytes, at: 1)
    tombstone.bind(time.microseconds, at: 2)
    tombstone.bind(now.microseconds, at: 3)
    try tombstone.run()
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
