import HTTP
import KeyValueStore

/// `If-Match` and `If-None-Match` (RFC 9110 §13.1).
enum ConditionFields {
  /// Reads both. A malformed one is refused: a condition that is not understood must not let a
  /// write through.
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

  /// A revision as its tag spells it. Tags compare as text (§8.8.3.2): `"007"` is not `"7"`.
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
