import HTTP

/// The media type that a value is stored with.
enum ContentType {
  static let text = "text/plain; charset=utf-8"
  static let bytes = "application/octet-stream"
  static let json = "application/json"

  /// The type that a PUT declares; nil if it declares none, and the type is guessed.
  static func declared(_ head: RequestHead, bytesMax: Int) throws(Problem) -> String? {
    guard let field = head.first(.contentType) else { return nil }
    guard head.all(.contentType).count == 1 else {
      throw .header("Content-Type", "Send Content-Type once.")
    }
    guard isStorable(field, bytesMax: bytesMax), let type = MediaType(field) else {
      throw .header(
        "Content-Type",
        "A content type is type/subtype, with parameters if need be, in at most \(bytesMax) "
          + "visible ASCII characters.")
    }
    // curl sends this with every --data unless told otherwise, whatever the value is.
    if type.isNamed("application/x-www-form-urlencoded") { return nil }
    return String(decoding: field, as: UTF8.self)
  }

  /// The type of a value without a declared one: text if it is UTF-8, else bytes.
  static func guessed(from value: [UInt8]) -> String { isUTF8(value) ? text : bytes }

  /// Whether values of this type are JSON texts.
  static func isJSON(_ type: String) -> Bool {
    MediaType(Array(type.utf8)[...])?.isNamed("application/json") == true
  }

  static func isUTF8(_ value: [UInt8]) -> Bool { (try? UTF8Span(validating: value.span)) != nil }

  /// A media type as it was sent; nil if it is none.
  static func check(_ field: ArraySlice<UInt8>, bytesMax: Int) -> String? {
    guard isStorable(field, bytesMax: bytesMax), MediaType(field) != nil else { return nil }
    return String(decoding: field, as: UTF8.self)
  }

  private static func isStorable(_ field: ArraySlice<UInt8>, bytesMax: Int) -> Bool {
    field.count <= bytesMax && field.allSatisfy { (0x20...0x7E).contains($0) }
  }
}
