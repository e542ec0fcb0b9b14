/// Answers requests. It lives on one event loop and may keep state there without locks.
public protocol HTTPHandler {
  /// What the handler makes of a request's head. The connection keeps it while the body arrives, so
  /// that the head is read once.
  associatedtype Accepted

  /// Decides by its head whether to answer a request. Called once for every request, before the
  /// body is read.
  ///
  /// A refusal is sent at once, in place of a 100. If the request has a body, the connection ends
  /// with the refusal.
  func admit(_ head: RequestHead, id: RequestID) throws(Refusal) -> (Accepted, bodyBytesMax: Int)

  /// Answers a request that `admit` has accepted. The body has its transfer coding undone; it is
  /// empty if there was none.
  func respond(to accepted: Accepted, body: [UInt8]) async -> Response

  /// Sends the body of an answer that `isStreamed`. Called once for each such answer, in the same
  /// turn, even if its client has left meanwhile; the answer ends when this returns.
  func stream(_ accepted: Accepted, to body: BodyStream) async

  /// The answer to a request that HTTP itself refuses, before or instead of `respond(to:body:)`.
  /// `origin` is its field `Origin`, if that has been read.
  func respond(to problem: HTTPProblem, origin: [UInt8]?, id: RequestID) -> Response

  /// Works beside the requests, on their loop, until its task is cancelled: that is after the last
  /// connection has ended.
  func run() async
}

extension HTTPHandler {
  /// Sends nothing: no answer is streamed.
  public func stream(_ accepted: Accepted, to body: BodyStream) async {}

  /// Does nothing.
  public func run() async {}
}

/// A handler does not accept a request: what to answer.
public struct Refusal: Error {
  let response: Response

  public init(_ response: Response) { self.response = response }
}
