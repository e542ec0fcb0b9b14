/// Answers requests. It lives on one event loop and may keep state there without locks.
public protocol HTTPHandler {
  /// Decides, before the body is read, whether it should be: called once for every request that has
  /// one.
  ///
  /// A refusal is sent at once (in place of a 100) and ends the connection.
  func admit(_ head: RequestHead, id: RequestID) -> Admission

  /// Answers a request. Never called for a body that was refused.
  func respond(to request: Request) async -> Response

  /// The answer to a request that HTTP itself refuses, before or instead of `respond`.
  func respond(to problem: HTTPProblem, id: RequestID) -> Response
}

/// What a handler says to a body that is about to come.
public enum Admission: Sendable {
  /// Read it, up to so many bytes.
  case accept(bodyBytesMax: Int)
  /// Do not read it.
  case refuse(Response)
}
