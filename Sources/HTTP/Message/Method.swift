// A method names itself.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

/// A request method (RFC 9110 §9). Names are case-sensitive.
public enum Method: Equatable, Sendable {
  case get
  case head
  case put
  case post
  case delete
  case options
  /// A method that no route here knows.
  case other(String)

  /// The name as it stands in a request line.
  public var name: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .put: "PUT"
    case .post: "POST"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .other(let name): name
    }
  }
}
