import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  /// A condition, and whether it is true of an absent key, of the entry, of one of another
  /// revision.
  private struct ConditionRow {
    let name: String
    let condition: @Sendable (_ current: Revision, _ other: Revision) -> Condition
    let holdsIfAbsent: Bool
    let holdsIfPresent: Bool
  }

  private static let rows: [ConditionRow] = [
    .init(
      name: "none", condition: { _, _ in .none }, holdsIfAbsent: true, holdsIfPresent: true),
    .init(
      name: "If-Match: *", condition: { _, _ in .exists }, holdsIfAbsent: false,
      holdsIfPresent: true),
    .init(
      name: "If-Match: current", condition: { current, _ in .matching(current) },
      holdsIfAbsent: false, holdsIfPresent: true),
    .init(
      name: "If-Match: other", condition: { _, other in .matching(other) },
      holdsIfAbsent: false, holdsIfPresent: false),
    .init(
      name: "If-Match: other, current",
      condition: { current, other in .matching(other, current) },
      holdsIfAbsent: false, holdsIfPresent: true),
    .init(
      name: "If-Match: a part of the current number",
      condition: { current, _ in
        .matching(Revision(current.number / 10), Revision(current.number % 1_000_000))
      },
      holdsIfAbsent: false, holdsIfPresent: false),
    .init(
      name: "If-Match with no tag that can be a revision",
      condition: { _, _ in Condition(ifMatch: .revisions([])) },
      holdsIfAbsent: false, holdsIfPresent: false),
    .init(
      name: "If-None-Match: *", condition: { _, _ in .isAbsent }, holdsIfAbsent: true,
      holdsIfPresent: false),
    .init(
      name: "If-None-Match: current", condition: { current, _ in .notMatching(current) },
      holdsIfAbsent: true, holdsIfPresent: false),
    .init(
      name: "If-None-Match: other", condition: { _, other in .notMatching(other) },
      holdsIfAbsent: true, holdsIfPresent: true),
    .init(
      name: "If-None-Match: other, current",
      condition: { current, other in .notMatching(other, current) },
      holdsIfAbsent: true, holdsIfPresent: false),
    .init(
      name: "If-None-Match with no tag that can be a revision",
      condition: { _, _ in Condition(ifNoneMatch: .revisions([])) },
      holdsIfAbsent: true, holdsIfPresent: true),
    .init(
      name: "If-Match: current and If-None-Match: other",
      condition: { current, other in
        Condition(ifMatch: .revisions([current]), ifNoneMatch: .revisions([other]))
      },
      holdsIfAbsent: false, holdsIfPresent: true),
    .init(
      name: "If-Match: * and If-None-Match: current",
      condition: { current, _ in
        Condition(ifMatch: .any, ifNoneMatch: .revisions([current]))
      },
      holdsIfAbsent: false, holdsIfPresent: false),
    .init(
      name: "If-Match: * and If-None-Match: *",
      condition: { _, _ in Condition(ifMatch: .any, ifNoneMatch: .any) },
      holdsIfAbsent: false, holdsIfPresent: false),
  ]

  /// The state of the key before the conditional write.
  private enum State: String, CaseIterable {
    case never, live, deleted, expired
  }

  /// Brings `key` into a state. Returns its last revision, another revision, and whether there is a
  /// live entry.
  private static func prepare(
    _ key: String, _ state: State, on harness: any DatabaseHarness
  ) async throws -> (current: Revision, other: Revision, isLive: Bool) {
    let other = Revision(1_234_567_890)
    switch state {
    case .never:
      return (Revision(99), other, false)
    case .live:
      let old = try await harness.store(key, "old").revision
      return (try await harness.store(key, "current").revision, old, true)
    case .deleted:
      try await harness.store(key, "old")
      return (try await harness.remove(key), other, false)
    case .expired:
      let revision = try await harness.store(key, "old", timeToLive: 1).revision
      try await harness.advance(seconds: 2)
      return (revision, other, false)
    }
  }

  private static func check(
    _ state: State, isDelete: Bool, on harness: any DatabaseHarness
  ) async throws {
    for (index, row) in rows.enumerated() {
      let key = "key-\(index)"
      let (current, other, isLive) = try await prepare(key, state, on: harness)
      let before = try await harness.lookup(key)
      let condition = row.condition(current, other)
      let holds = isLive ? row.holdsIfPresent : row.holdsIfAbsent
      let write: Write =
        isDelete ? .delete(key, condition: condition) : .put(key, "new", condition: condition)
      let outcome = try await harness.write(write).outcome
      let after = try await harness.lookup(key)
      let what = Comment(rawValue: "\(row.name) on a key that is \(state)")
      switch (holds, isDelete) {
      case (false, _):
        #expect(outcome == .preconditionFailed(current: isLive ? current : nil), what)
        #expect(after == before, what)
      case (true, true) where !isLive:
        #expect(outcome == .notFound, what)
        #expect(after == before, what)
      case (true, true):
        guard case .deleted(let revision) = outcome else {
          Issue.record(what)
          continue
        }
        #expect(after == .absent(revision) && revision > current, what)
      case (true, false):
        guard case .stored(let metadata) = outcome else {
          Issue.record(what)
          continue
        }
        let entry = Entry(metadata: metadata, value: Array("new".utf8))
        #expect(after == .found(entry), what)
        #expect(metadata.version == (isLive ? 3 : 1), what)
        #expect(metadata.revision > before.revision, what)
      }
    }
  }

  static let conditions: [Case] = State.allCases.flatMap { state in
    [
      Case("Every kind of condition decides a put of a key that is \(state.rawValue)") {
        try await check(state, isDelete: false, on: $0)
      },
      Case("Every kind of condition decides a delete of a key that is \(state.rawValue)") {
        try await check(state, isDelete: true, on: $0)
      },
    ]
  }
}
