/// An answer, without what the server adds to each: `Date`, `X-Request-Id`, `Content-Length`,
/// `Connection`.
public struct Response: Sendable {
  /// The status.
  public var status: Status
  /// The header fields.
  public var fields: FieldBlock
  /// The body. For HEAD it is what GET would answer: the server sends its length only.
  public var body: [UInt8]
  /// Whether the connection ends with this answer.
  public var closesConnection = false
  /// Bytes of `HTTPServerState.takeAnswerRoom` that were taken for this answer: the server returns
  /// them once it has been sent.
  public var roomTaken = 0

  /// An answer without fields and body, unless they are given.
  public init(_ status: Status, fields: FieldBlock = FieldBlock(), body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }
}
