/// An entity tag (RFC 9110 §8.8.3): `"opaque"`, or `W/"opaque"` for a weak one.
public struct EntityTag: Equatable, Sendable {
  /// Whether it is weak. Weak tags never match where the strong comparison is used (§8.8.3.2).
  public let isWeak: Bool
  /// What stands between the quotes.
  public let opaque: String

  /// A tag of these parts.
  public init(isWeak: Bool, opaque: String) {
    self.isWeak = isWeak
    self.opaque = opaque
  }
}
