/// The names that an object has so far, to tell when one comes twice.
///
/// A few are compared with each other; of many, hashes are compared first, with a seed that a
/// client can't know. So an object of a million members costs no more a member than a small one.
struct MemberNames {
  private var names: [JSONDocument.Node] = []
  private var hashes: Set<Int> = []

  /// Up to here, comparing costs less than hashing.
  private static let comparedMax = 8

  /// Adds a name, a string of `bytes`; false if it was there, however it is spelt.
  mutating func insert(_ name: JSONDocument.Node, of bytes: [UInt8]) -> Bool {
    if names.count == MemberNames.comparedMax {
      for earlier in names { hashes.insert(MemberNames.hash(earlier, of: bytes)) }
    }
    let mayRepeat =
      names.count < MemberNames.comparedMax
      || !hashes.insert(MemberNames.hash(name, of: bytes)).inserted
    if mayRepeat, names.contains(where: { MemberNames.areEqual($0, name, of: bytes) }) {
      return false
    }
    names.append(name)
    return true
  }

  private static func hash(_ name: JSONDocument.Node, of bytes: [UInt8]) -> Int {
    var hasher = Hasher()
    hasher.combine(text(name, of: bytes))
    return hasher.finalize()
  }

  private static func areEqual(
    _ left: JSONDocument.Node, _ right: JSONDocument.Node, of bytes: [UInt8]
  ) -> Bool {
    text(left, of: bytes) == text(right, of: bytes)
  }

  private static func text(_ name: JSONDocument.Node, of bytes: [UInt8]) -> ArraySlice<UInt8> {
    let content = bytes[name.contentRange]
    return name.hasEscapes ? JSONScanner.decoded(content)[...] : content
  }
}
