import Basics

/// A request line and header section (RFC 9112 §3, §5) that the parser has found well-formed.
///
/// It keeps the bytes as they came and the position of every part, so that a head costs two
/// allocations, however many fields it has.
public struct RequestHead: Sendable {
  /// Where a header field is in `bytes`.
  struct Field: Equatable {
    let name: FieldName
    let nameStart: UInt16
    let nameEnd: UInt16
    let valueStart: UInt16
    let valueEnd: UInt16
  }

  /// How a body follows the head (RFC 9112 §6.3).
  public enum Framing: Equatable, Sendable {
    /// No body, or one of zero bytes.
    case none
    /// `Content-Length`, at least 1.
    case length(Int)
    /// `Transfer-Encoding: chunked`.
    case chunked
  }

  public let method: Method
  /// 0 for HTTP/1.0, 1 for HTTP/1.1.
  let minorVersion: UInt8
  public let framing: Framing
  /// Whether the connection persists after the answer (RFC 9112 §9.3).
  let keepsAlive: Bool
  /// Whether the client waits for a 100 before it sends the body (RFC 9110 §10.1.1).
  let expectsContinue: Bool

  let bytes: [UInt8]
  let pathRange: Range<Int>
  let queryRange: Range<Int>?
  let fields: [Field]

  /// The path as it came: it starts with `/` and is percent-encoded. `*` for `OPTIONS *`.
  public var path: ArraySlice<UInt8> { bytes[pathRange] }

  /// What follows the first `?`, percent-encoded; nil without a `?`.
  public var query: ArraySlice<UInt8>? { queryRange.map { bytes[$0] } }

  /// The value of the first field called `name`, without surrounding white space.
  public func first(_ name: FieldName) -> ArraySlice<UInt8>? {
    for field in fields where field.name == name { return value(of: field) }
    return nil
  }

  /// The values of all fields called `name`, in order: a list may be spread over several fields.
  public func all(_ name: FieldName) -> [ArraySlice<UInt8>] {
    fields.compactMap { $0.name == name ? value(of: $0) : nil }
  }

  private func value(of field: Field) -> ArraySlice<UInt8> {
    bytes[Int(field.valueStart)..<Int(field.valueEnd)]
  }
}

/// A request method (RFC 9110 §9).
public enum Method: Equatable, Sendable {
  case get
  case head
  case put
  case post
  case patch
  case delete
  case options
  /// A method that no route knows.
  case other(String)

  /// The name as it is in a request line.
  public var name: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .put: "PUT"
    case .post: "POST"
    case .patch: "PATCH"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .other(let name): name
    }
  }

  /// Recognizes a method; only an unknown one costs a `String`.
  init(_ input: Span<UInt8>, _ range: Range<Int>) {
    if let known = Method.known(input, range) {
      self = known
      return
    }
    var name = ""
    for index in range { name.unicodeScalars.append(Unicode.Scalar(input[index])) }
    self = .other(name)
  }

  private static func known(_ input: Span<UInt8>, _ range: Range<Int>) -> Method? {
    // Methods are case-sensitive (RFC 9110 §9.1).
    switch range.count {
    case 3:
      if input.spells(range, "GET") { return .get }
      if input.spells(range, "PUT") { return .put }
    case 4:
      if input.spells(range, "HEAD") { return .head }
      if input.spells(range, "POST") { return .post }
    case 5: if input.spells(range, "PATCH") { return .patch }
    case 6: if input.spells(range, "DELETE") { return .delete }
    case 7: if input.spells(range, "OPTIONS") { return .options }
    default: break
    }
    return nil
  }
}

/// Identifies a request in logs and answers (`X-Request-Id`): up to 128 visible ASCII characters.
public struct RequestID: Hashable, Sendable {
  public let bytes: [UInt8]

  /// The longest id that is taken from a client, in bytes.
  private static let bytesMax = 128

  /// Takes a client's id if it consists of 1 to 128 letters, digits and characters of `-._~+/=:`.
  public init?(client bytes: ArraySlice<UInt8>) {
    guard (1...RequestID.bytesMax).contains(bytes.count) else { return nil }
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        continue
      case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
        UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: ":"):
        continue
      default: return nil
      }
    }
    self.bytes = Array(bytes)
  }

  /// An id of 16 hexadecimal digits.
  public init(_ number: UInt64) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    bytes.append(hexadecimal: number, digits: 16)
    self.bytes = bytes
  }

  public var text: String { String(decoding: bytes, as: UTF8.self) }
}
