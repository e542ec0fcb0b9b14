/// A whole request, as a handler sees it.
public struct Request: Sendable {
  /// The request line and the header section.
  public let head: RequestHead
  /// The body, with its transfer coding undone; empty if there was none.
  public let body: [UInt8]
  /// What the answer's `X-Request-Id` says: the client's own, if it sent a sane one.
  public let id: RequestID

  /// A request that has come in whole.
  public init(head: RequestHead, body: [UInt8], id: RequestID) {
    self.head = head
    self.body = body
    self.id = id
  }
}
