// The header fields of a request whose values are more than plain text.

/// An entity tag (RFC 9110 §8.8.3): `"opaque"`, or `W/"opaque"` if it is weak.
public struct EntityTag: Equatable, Sendable {
  /// A weak tag never matches where the strong comparison is used (§8.8.3.2).
  public let isWeak: Bool
  /// The text between the quotes.
  public let opaque: String
}

/// The value of `If-Match` or `If-None-Match` (RFC 9110 §13.1.1, §13.1.2): `*`, or a list of entity
/// tags.
public enum EntityTagList: Equatable, Sendable {
  /// `*`: any current representation.
  case any
  /// At least one tag.
  case tags([EntityTag])

  /// Parses the values of all fields of that name. Nil if they are malformed; `*` together with a
  /// tag is malformed too.
  ///
  /// Several fields are one list (§5.3). Empty elements are skipped (§5.6.1.2), but a list of
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

  /// `entity-tag = [ %s"W/" ] DQUOTE *etagc DQUOTE`. A `\` is no escape in it.
  private static func tag(_ cursor: inout FieldValueCursor) -> EntityTag? {
    let isWeak = cursor.skip(UInt8(ascii: "W"))
    if isWeak, !cursor.skip(.slash) { return nil }
    guard cursor.skip(.quote) else { return nil }
    let opaque = cursor.read { $0 > 0x20 && $0 != .quote && $0 != 0x7F }
    guard cursor.skip(.quote) else { return nil }
    return EntityTag(isWeak: isWeak, opaque: String(decoding: opaque, as: UTF8.self))
  }
}

/// The preferences of `Prefer` (RFC 7240 §2).
public struct PreferHeader: Equatable, Sendable {
  /// The value of each preference by its name in lower case; empty if it has none.
  private let preferences: [String: String]

  /// Parses the values of all `Prefer` fields.
  ///
  /// A client can't rely on preferences, so a malformed one is skipped, like an unknown one. Of two
  /// with the same name the first counts. Parameters (`; name=value`) are skipped: no preference
  /// that the server knows has any.
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

  /// The value of the preference called `name`, in lower case: empty if it has none, nil if it is
  /// not there.
  public subscript(_ name: String) -> String? { preferences[name] }

  /// `preference = token [ BWS "=" BWS word ] *( OWS ";" [ OWS parameter ] )`; nil if it is
  /// malformed.
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

/// The `Cache-Control` of a request (RFC 9111 §5.2.1).
public struct CacheControl: Equatable, Sendable {
  /// Whether the answer must not come from a cache (`no-cache`, RFC 9111 §5.2.1.4).
  public let isNoCache: Bool

  /// Parses the values of all `Cache-Control` fields. Unknown and malformed directives are ignored.
  public init(values: [ArraySlice<UInt8>]) {
    var isNoCache = false
    for value in values {
      var cursor = FieldValueCursor(value)
      cursor.skipEmptyElements()
      while cursor.next != nil {
        // RFC 9111 §5.2: `cache-directive = token [ "=" ( token / quoted-string ) ]`; the token is
        // case-insensitive.
        if let name = cursor.token(), name.lowercasedText == "no-cache" {
          cursor.skipWhiteSpace()
          if cursor.next == nil || cursor.next == .comma { isNoCache = true }
        }
        cursor.skipElement()
        cursor.skipEmptyElements()
      }
    }
    self.isNoCache = isNoCache
  }
}

/// The type and subtype of a `Content-Type` (RFC 9110 §8.3.1), without its parameters.
public struct MediaType: Sendable {
  private let essence: ArraySlice<UInt8>

  /// Parses a field's value; nil if it does not begin with a type, a slash and a subtype.
  /// Parameters are ignored.
  public init?(_ field: ArraySlice<UInt8>) {
    var essence = field.prefix { $0 != .semicolon }
    while essence.last?.isWhiteSpace == true { essence.removeLast() }
    guard let slash = essence.firstIndex(of: .slash) else { return nil }
    let (type, subtype) = (essence[..<slash], essence[(slash + 1)...])
    guard !type.isEmpty, !subtype.isEmpty, type.allSatisfy(OctetSet.token.contains),
      subtype.allSatisfy(OctetSet.token.contains)
    else { return nil }
    self.essence = essence
  }

  /// Whether it is `name`, which must be in lower case. Types and subtypes are case-insensitive.
  public func isNamed(_ name: StaticString) -> Bool {
    guard essence.count == name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { name in zip(essence, name).allSatisfy { $0.lowercased == $1 } }
  }
}

/// Reads a field value from front to back by the grammar of RFC 9110 §5.6 for lists, tokens and
/// quoted strings.
private struct FieldValueCursor {
  private let bytes: ArraySlice<UInt8>
  private var index: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    index = bytes.startIndex
  }

  /// The next byte; nil at the end.
  var next: UInt8? { index < bytes.endIndex ? bytes[index] : nil }

  /// Skips the next byte if it is `byte`. Returns whether it was.
  mutating func skip(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    index += 1
    return true
  }

  /// Skips optional white space (RFC 9110 §5.6.3).
  mutating func skipWhiteSpace() {
    while let next, next.isWhiteSpace { index += 1 }
  }

  /// Skips white space and the commas of empty list elements (RFC 9110 §5.6.1.2).
  mutating func skipEmptyElements() {
    while let next, next.isWhiteSpace || next == .comma { index += 1 }
  }

  /// Reads bytes up to the first that `accepts` refuses.
  mutating func read(while accepts: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    let start = index
    while let next, accepts(next) { index += 1 }
    return bytes[start..<index]
  }

  /// Reads a token (RFC 9110 §5.6.2); nil if there is none.
  mutating func token() -> ArraySlice<UInt8>? {
    let token = read(while: OctetSet.token.contains)
    return token.isEmpty ? nil : token
  }

  /// Reads a quoted string (RFC 9110 §5.6.4) without its escapes; nil if there is none or it has no
  /// end.
  mutating func quotedString() -> [UInt8]? {
    guard skip(.quote) else { return nil }
    var text: [UInt8] = []
    while let byte = next {
      index += 1
      if byte == .quote { return text }
      if byte == .backslash {
        guard let escaped = next else { return nil }
        index += 1
        text.append(escaped)
      } else {
        text.append(byte)
      }
    }
    return nil
  }

  /// Reads a token or a quoted string.
  mutating func word() -> [UInt8]? {
    next == .quote ? quotedString() : token().map { Array($0) }
  }

  /// Skips to the comma after the current list element, or to the end. Commas in quoted strings do
  /// not count.
  mutating func skipElement() {
    while let next, next != .comma {
      if next == .quote {
        if quotedString() == nil { index = bytes.endIndex }
      } else {
        index += 1
      }
    }
  }
}

extension ArraySlice<UInt8> {
  /// The bytes as text, ASCII letters in lower case.
  fileprivate var lowercasedText: String { String(decoding: lazy.map(\.lowercased), as: UTF8.self) }
}
