/// The type and subtype of a `Content-Type` field (RFC 9110 §8.3.1), without its parameters.
public struct MediaType: Sendable {
  private let essence: ArraySlice<UInt8>

  /// Reads a field's value; nil if it does not begin with a type, a slash and a subtype. Parameters
  /// are not looked at.
  public init?(_ field: ArraySlice<UInt8>) {
    var essence = field.prefix { $0 != .semicolon }
    while essence.last?.isWhiteSpace == true { essence.removeLast() }
    guard let slash = essence.firstIndex(of: .slash) else { return nil }
    let (type, subtype) = (essence[..<slash], essence[(slash + 1)...])
    guard !type.isEmpty, !subtype.isEmpty, type.allSatisfy(OctetSet.token.contains),
      subtype.allSatisfy(OctetSet.token.contains)
    else { return nil }
    self.essence = essence
  }

  /// Whether it is `name`, given in lower case; type and subtype are the same in either case.
  public func isNamed(_ name: StaticString) -> Bool {
    guard essence.count == name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { name in zip(essence, name).allSatisfy { $0.lowercased == $1 } }
  }
}
