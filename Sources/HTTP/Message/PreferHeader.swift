/// What `Prefer` asks for (RFC 7240 §2).
public struct PreferHeader: Equatable, Sendable {
  /// The preferences that are named first, by name in lower case; without a value it is empty.
  private let preferences: [String: String]

  /// Reads the values of all `Prefer` fields.
  ///
  /// Preferences are wishes: a malformed one is passed over, like one that nobody knows. Of two
  /// with one name the first counts. Parameters (`; name=value`) are passed over, no preference
  /// here has any.
  public init(values: [ArraySlice<UInt8>]) {
    var preferences: [String: String] = [:]
    for value in values {
      var cursor = FieldValueCursor(value)
      cursor.skipEmptyElements()
      while cursor.next != nil {
        if let (name, value) = PreferHeader.preference(&cursor), preferences[name] == nil {
          preferences[name] = value
        }
        cursor.skipElement()
        cursor.skipEmptyElements()
      }
    }
    self.preferences = preferences
  }

  /// The value of the preference called `name` (in lower case): empty if it has none, nil if it is
  /// not asked for.
  public subscript(_ name: String) -> String? { preferences[name] }

  /// `preference = token [ BWS "=" BWS word ] *( OWS ";" [ OWS parameter ] )`; nil if it goes on
  /// otherwise.
  private static func preference(
    _ cursor: inout FieldValueCursor
  ) -> (name: String, value: String)? {
    guard let name = cursor.token()?.lowercasedText else { return nil }
    cursor.skipWhiteSpace()
    var value: [UInt8] = []
    if cursor.skip(.equals) {
      cursor.skipWhiteSpace()
      guard let word = cursor.word() else { return nil }
      value = word
      cursor.skipWhiteSpace()
    }
    guard cursor.next == nil || cursor.next == .comma || cursor.next == .semicolon else {
      return nil
    }
    return (name, String(decoding: value, as: UTF8.self))
  }
}
