/// Knows clients by their `Authorization` field.
///
/// There are two: tokens from a file, and nobody who asks.
protocol Authenticating: Sendable {
  /// Whether requests need a token.
  var isRequired: Bool { get }

  /// Whose token this is; nil if it is nobody's, or malformed.
  func principal(authorization: ArraySlice<UInt8>) -> Principal?
}

/// Lets everybody do everything, on a server that only its own machine can reach, or that is meant
/// so.
struct OpenAccess: Authenticating {
  let isRequired = false
  func principal(authorization: ArraySlice<UInt8>) -> Principal? { .anybody }
}
