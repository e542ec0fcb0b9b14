/// What `If-Match` and `If-None-Match` say (RFC 9110 §13.1.1, §13.1.2): `*`, or a list of entity
/// tags.
public enum EntityTagList: Equatable, Sendable {
  /// `*`: any current representation.
  case any
  /// At least one tag.
  case tags([EntityTag])

  /// Reads the values of all fields of that name; nil if they are malformed, `*` beside a tag
  /// included.
  ///
  /// Several fields are one list (§5.3). Empty elements are passed over (§5.6.1.2), but a list of
  /// nothing else is malformed.
  public static func parse(values: [ArraySlice<UInt8>]) -> EntityTagList? {
    var tags: [EntityTag] = []
    var isAny = false
    for value in values {
      var cursor = FieldValueCursor(value)
      cursor.skipEmptyElements()
      while cursor.next != nil {
        if cursor.skip(UInt8(ascii: "*")) {
          guard !isAny else { return nil }
          isAny = true
        } else {
          guard let tag = tag(&cursor) else { return nil }
          tags.append(tag)
        }
        cursor.skipWhiteSpace()
        guard cursor.next == nil || cursor.next == .comma else { return nil }
        cursor.skipEmptyElements()
      }
    }
    if isAny { return tags.isEmpty ? .any : nil }
    return tags.isEmpty ? nil : .tags(tags)
  }

  /// `entity-tag = [ %s"W/" ] DQUOTE *etagc DQUOTE`, where a `\` is a character like any other.
  private static func tag(_ cursor: inout FieldValueCursor) -> EntityTag? {
    let isWeak = cursor.skip(UInt8(ascii: "W"))
    if isWeak, !cursor.skip(.slash) { return nil }
    guard cursor.skip(.quote) else { return nil }
    let opaque = cursor.read { $0 > 0x20 && $0 != .quote && $0 != 0x7F }
    guard cursor.skip(.quote) else { return nil }
    return EntityTag(isWeak: isWeak, opaque: String(decoding: opaque, as: UTF8.self))
  }
}
