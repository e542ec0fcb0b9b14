import Basics

/// An answer, without the fields that the server adds to each: `Date`, `X-Request-Id`,
/// `Content-Length`, `Connection`.
public struct Response: Sendable {
  public var status: Status
  public var fields: FieldBlock
  /// The body. The answer to HEAD has the body of GET: the server sends only its length.
  public var body: [UInt8]
  /// Whether the server closes the connection after this answer.
  public var closesConnection = false
  /// Whether the body is sent by `HTTPHandler.stream`; `body` is then left out. The answer to HEAD
  /// has none.
  public var isStreamed = false
  /// The bytes that `HTTPServerState.takeAnswerRoom` took for this answer. The server returns them
  /// once the answer has been sent.
  public var roomTaken = 0

  public init(_ status: Status, fields: FieldBlock = FieldBlock(), body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }
}

/// Header fields as the bytes that are sent.
///
/// A value must contain no CR, LF or NUL (RFC 9110 §5.5). `append` leaves out a field whose value
/// does: text that a client has stored, as a content type, must never begin a field of its own.
public struct FieldBlock: Sendable {
  /// `Name: value\r\n` for every field.
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// Reserves `capacity` bytes for all fields together.
  public init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

  /// Adds a field whose value is known at compile time.
  public mutating func append(_ name: StaticString, _ value: StaticString) {
    bytes.append(name)
    bytes.append(": ")
    bytes.append(value)
    bytes.append("\r\n")
  }

  /// Adds whole fields that are known at compile time, each with its CR LF.
  public mutating func append(lines: StaticString) { bytes.append(lines) }

  public mutating func append(_ name: StaticString, _ value: String) {
    append(name) { $0.append(contentsOf: value.utf8) }
  }

  public mutating func append(_ name: StaticString, decimal value: Int64) {
    begin(name)
    bytes.append(decimal: value)
    bytes.append("\r\n")
  }

  /// Adds a date, of a time in seconds after 1970-01-01T00:00:00Z.
  public mutating func append(_ name: StaticString, date seconds: Int64) {
    begin(name)
    HTTPDate.append(seconds: seconds, to: &bytes)
    bytes.append("\r\n")
  }

  private mutating func begin(_ name: StaticString) {
    bytes.append(name)
    bytes.append(": ")
  }

  /// Adds a field whose value `write` appends.
  public mutating func append(_ name: StaticString, _ write: (inout [UInt8]) -> Void) {
    let start = bytes.count
    begin(name)
    let valueStart = bytes.count
    write(&bytes)
    for index in valueStart..<bytes.count where bytes[index] < 0x20 && bytes[index] != 0x09 {
      bytes.removeSubrange(start...)
      return
    }
    bytes.append("\r\n")
  }
}
