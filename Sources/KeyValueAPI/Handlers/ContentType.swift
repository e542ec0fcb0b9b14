import HTTP

/// The media type that a value is stored with.
enum ContentType {
  static let text = "text/plain; charset=utf-8"
  static let bytes = "application/octet-stream"
  static let json = "application/json"

  /// Reads the field of a PUT: what was declared, or nil if the value has to speak for itself.
  static func declared(_ head: RequestHead, bytesMax: Int) throws(Problem) -> String? {
    guard let field = head.first(.contentType) else { return nil }
    guard head.all(.contentType).count == 1 else {
      throw .header("Content-Type", "Send Content-Type once.")
    }
    guard let type = check(field, bytesMax: bytesMax) else {
      throw .header(
        "Content-Type",
        "A content type is type/subtype, with parameters if need be, in at most \(bytesMax) "
          + "visible ASCII characters.")
    }
    // What curl says of every --data, unless told otherwise; it says nothing of the value.
    return essence(of: type) == "application/x-www-form-urlencoded" ? nil : type
  }

  /// What a value is if nobody says: text if it can be, else bytes.
  static func guessed(from value: [UInt8]) -> String { isUTF8(value) ? text : bytes }

  /// Whether values of this type are JSON texts.
  static func isJSON(_ type: String) -> Bool { essence(of: type) == json }

  /// Whether bytes are UTF-8.
  static func isUTF8(_ value: [UInt8]) -> Bool { (try? UTF8Span(validating: value.span)) != nil }

  /// A media type (RFC 9110 §8.3.1) as it was sent; nil if it is none.
  static func check(_ field: ArraySlice<UInt8>, bytesMax: Int) -> String? {
    guard !field.isEmpty, field.count <= bytesMax,
      field.allSatisfy({ (0x20...0x7E).contains($0) })
    else { return nil }
    let type = String(decoding: field, as: UTF8.self)
    let parts = essence(of: type).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isToken) }) else {
      return nil
    }
    return type
  }

  /// The type without its parameters, in lower case.
  private static func essence(of type: String) -> String {
    var essence = type[..<(type.firstIndex(of: ";") ?? type.endIndex)]
    while essence.last == " " { essence.removeLast() }
    return essence.lowercased()
  }

  /// `tchar` (RFC 9110 §5.6.2), in lower case.
  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
