import KeyValueStore

/// The sender of a request, and what it may do.
struct Principal: Sendable {
  /// As in the tokens file; empty where no token is needed.
  let name: String
  let scopes: Set<Scope>
  /// It may touch only keys that start with these bytes; empty: all keys.
  let keyPrefix: [UInt8]
  /// How fast its requests may come, all with a token of this name together; nil: as they like.
  var rate: RequestRate?

  /// Any sender, where no token is needed.
  static let anybody = Principal(name: "", scopes: Set(Scope.allCases), keyPrefix: [])

  /// The owner of the operations that it starts.
  var owner: OperationOwner { OperationOwner(keyPrefix: keyPrefix) }

  func mayTouch(_ key: Key) -> Bool {
    keyPrefix.isEmpty || key.bytes.starts(with: keyPrefix)
  }
}

/// What a token allows.
enum Scope: String, CaseIterable, Sendable {
  /// Reading keys, lists and operations.
  case read
  /// Writing and deleting keys.
  case write
  /// Metrics and statistics of the server.
  case admin
}

/// Identifies clients by their `Authorization` field.
protocol Authenticating: Sendable {
  /// Whether requests need a token.
  var isRequired: Bool { get }

  /// The owner of a token; nil if the token is unknown, or the field malformed.
  func principal(authorization: ArraySlice<UInt8>) -> Principal?

  /// The key prefixes of all tokens.
  var keyPrefixes: [[UInt8]] { get }

  /// How often the tokens have changed.
  var changes: Int { get }
}

/// Lets every client do everything: for a server that only its own machine can reach, or that is
/// configured to be open.
struct OpenAccess: Authenticating {
  let isRequired = false
  func principal(authorization: ArraySlice<UInt8>) -> Principal? { .anybody }
  let keyPrefixes: [[UInt8]] = []
  let changes = 0
}
