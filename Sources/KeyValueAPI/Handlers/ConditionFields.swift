import HTTP
import KeyValueStore

/// `If-Match` and `If-None-Match` (RFC 9110 §13.1).
enum ConditionFields {
  /// Reads both. A malformed one is refused: a condition that can't be checked must not let a write
  /// through.
  static func parse(_ head: RequestHead) throws(Problem) -> Condition {
    var condition = Condition.none
    if let list = try list(head, .ifMatch, "If-Match") {
      // §13.1.1 wants the strong comparison: a weak tag matches nothing.
      condition.ifMatch = match(list) { !$0.isWeak }
    }
    if let list = try list(head, .ifNoneMatch, "If-None-Match") {
      // §13.1.2 wants the weak comparison: whether a tag is weak does not matter.
      condition.ifNoneMatch = match(list) { _ in true }
    }
    return condition
  }

  /// The time in `If-Unmodified-Since`, in seconds since 1970; nil without one, or beside
  /// `If-Match`, which goes before it (§13.1.4). A malformed one is refused as above.
  static func unmodifiedSince(_ head: RequestHead, now: Timestamp) throws(Problem) -> Int64? {
    guard let field = head.first(.ifUnmodifiedSince), head.first(.ifMatch) == nil else {
      return nil
    }
    guard head.all(.ifUnmodifiedSince).count == 1,
      let seconds = HTTPDate.seconds(field, now: now.seconds)
    else {
      throw .header("If-Unmodified-Since", "If-Unmodified-Since is one date, as HTTP writes them.")
    }
    return seconds
  }

  /// The revision that a tag names. Tags compare as text (§8.8.3.2): `"007"` is not `"7"`.
  static func revision(_ opaque: String) -> Revision? {
    guard let number = Int64(opaque), String(number) == opaque else { return nil }
    return Revision(number)
  }

  private static func list(
    _ head: RequestHead, _ field: FieldName, _ name: StaticString
  ) throws(Problem) -> EntityTagList? {
    guard head.first(field) != nil else { return nil }
    guard let list = EntityTagList.parse(values: head.all(field)) else {
      throw .header(name, "\(name) is * or a list of entity tags, each in double quotes.")
    }
    return list
  }

  private static func match(
    _ list: EntityTagList, _ includes: (EntityTag) -> Bool
  ) -> Condition.Match {
    switch list {
    case .any: .any
    case .tags(let tags):
      .revisions(tags.compactMap { includes($0) ? revision($0.opaque) : nil })
    }
  }
}

extension APIHandler {
  /// The condition of a write to `key` that may also have `If-Unmodified-Since`: then the key must
  /// also be at the revision that it has now. So the statement that writes decides, and a change in
  /// between counts as one since that time.
  func condition(
    _ condition: Condition, unmodifiedSince time: Int64?, for key: Key
  ) async throws(Problem) -> Condition {
    guard let time else { return condition }
    var condition = condition
    let reading: Reading
    do throws(StoreError) {
      reading = try await store.get(key, isFresh: true)
    } catch {
      throw Problem(error)
    }
    // §13.1.4: the field is ignored if there is no date of modification.
    guard let metadata = reading.entry?.metadata else {
      condition.ifNoneMatch = .any
      return condition
    }
    // A date has whole seconds: `Last-Modified` is rounded in the same way.
    let isUnmodified = metadata.updatedAt.seconds <= time
    condition.ifMatch = .revisions(isUnmodified ? [metadata.revision] : [])
    return condition
  }
}
