/// Why HTTP itself refuses a request.
public struct HTTPProblem: Error, Equatable, Sendable {
  /// What to answer. The connection closes with it.
  public let status: Status
  /// What to change, for the client.
  public let detail: String

  init(_ status: Status, _ detail: String) {
    self.status = status
    self.detail = detail
  }
}
