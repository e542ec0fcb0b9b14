/// Knows clients by their `Authorization` field.
///
/// There are two: tokens from a file, and nobody who asks.
protocol Authenticating: Sendable {
  /// Whether requests need a token.
  var isRequired: Bool { get }

  /// Whose token this is; nil if it is nobody's, or malformed.
  func principal(authorization: ArraySlice<UInt8>) -> Principal?

  /// The prefixes of keys that somebody's token is bound to.
  var keyPrefixes: [[UInt8]] { get }
}

/// Lets everybody do everything, on a server that only its own machine can reach, or that is meant
/// so.
struct OpenAccess: Authenticating {
  let isRequired = false
  func principal(authorization: ArraySlice<UInt8>) -> Principal? { .anybody }
  let keyPrefixes: [[UInt8]] = []
}
