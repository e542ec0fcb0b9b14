/// What `Cache-Control` in a request asks for (RFC 9111 §5.2.1).
public struct CacheControl: Equatable, Sendable {
  /// Whether the answer must not come from a cache (`no-cache`, RFC 9111 §5.2.1.4).
  public let isNoCache: Bool

  /// Reads the values of all `Cache-Control` fields; unknown or malformed directives are ignored.
  public init(values: [ArraySlice<UInt8>]) {
    var isNoCache = false
    for value in values {
      var cursor = FieldValueCursor(value)
      cursor.skipEmptyElements()
      while cursor.next != nil {
        // RFC 9111 §5.2: `cache-directive = token [ "=" ( token / quoted-string ) ]`, in any case.
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
