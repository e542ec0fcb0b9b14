import KeyValueStore

/// Who sends a request, and what they may do.
struct Principal: Sendable {
  /// What the tokens file calls them; empty where nobody needs a token.
  let name: String
  /// What they may do.
  let scopes: Set<Scope>
  /// Every key that they may touch starts with these bytes; empty: all keys.
  let keyPrefix: [UInt8]

  /// Everybody, where no token is needed.
  static let anybody = Principal(name: "", scopes: Set(Scope.allCases), keyPrefix: [])

  /// Whose the operations are that they begin.
  var owner: OperationOwner { OperationOwner(keyPrefix: keyPrefix) }

  /// Whether they may touch `key`.
  func mayTouch(_ key: Key) -> Bool {
    keyPrefix.isEmpty || key.bytes.starts(with: keyPrefix)
  }
}
