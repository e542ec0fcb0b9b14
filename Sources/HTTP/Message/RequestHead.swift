/// A request line and header section (RFC 9112 §3, §5) that the parser has found well-formed.
///
/// It keeps the bytes as they came and where in them everything stands, so that reading a head
/// costs two allocations, however many fields it has.
public struct RequestHead: Sendable {
  /// Where a header field stands in `bytes`.
  public struct Field: Equatable, Sendable {
    /// Which field it is.
    public let name: FieldName
    let nameStart: UInt16
    let nameEnd: UInt16
    let valueStart: UInt16
    let valueEnd: UInt16
  }

  /// How a body follows the head (RFC 9112 §6.3).
  public enum Framing: Equatable, Sendable {
    /// None, or one of zero bytes.
    case none
    /// `Content-Length`, at least 1.
    case length(Int)
    /// `Transfer-Encoding: chunked`.
    case chunked
  }

  /// What was asked for.
  public let method: Method
  /// HTTP/1.0 or HTTP/1.1, as the minor version.
  public let minorVersion: UInt8
  /// How a body follows.
  public let framing: Framing
  /// Whether the client wants the connection kept (RFC 9112 §9.3).
  public let keepsAlive: Bool
  /// Whether the client waits for a 100 before it sends the body (RFC 9110 §10.1.1).
  public let expectsContinue: Bool

  let bytes: [UInt8]
  let pathRange: Range<Int>
  let queryRange: Range<Int>?
  let fields: [Field]

  /// The path as it came: it starts with `/` and is percent-encoded. `*` for `OPTIONS *`.
  public var path: ArraySlice<UInt8> { bytes[pathRange] }

  /// What stands behind the first `?`, percent-encoded; nil without a `?`.
  public var query: ArraySlice<UInt8>? { queryRange.map { bytes[$0] } }

  /// The value of the first field called `name`, without surrounding white space.
  public func first(_ name: FieldName) -> ArraySlice<UInt8>? {
    for field in fields where field.name == name { return value(of: field) }
    return nil
  }

  /// The values of all fields called `name`, in order: a list field may be spread over several
  /// lines.
  public func all(_ name: FieldName) -> [ArraySlice<UInt8>] {
    fields.compactMap { $0.name == name ? value(of: $0) : nil }
  }

  private func value(of field: Field) -> ArraySlice<UInt8> {
    bytes[Int(field.valueStart)..<Int(field.valueEnd)]
  }
}
