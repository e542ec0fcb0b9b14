/// The name under which a request's first result is kept for 24 h.
public struct IdempotencyKey: Hashable, Sendable {
  /// Who sent it and what they called it; unique a principal.
  public let name: String
  /// Digest of method, path, query, conditions and body, and of what the sender was allowed:
  /// another request under the same name is refused.
  public let fingerprint: [UInt8]

  /// A key; `fingerprint` is a SHA-256.
  public init(name: String, fingerprint: [UInt8]) {
    self.name = name
    self.fingerprint = fingerprint
  }
}
