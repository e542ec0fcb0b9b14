/// The field `traceparent` (W3C Trace Context §3.2): names the trace that a request belongs to.
struct TraceParent: Equatable, Sendable {
  /// The field, as it came.
  let text: String

  private static let groups = [2, 32, 16, 2]

  /// Nil for a field that is not valid, which is ignored.
  init?(_ field: ArraySlice<UInt8>) {
    var rest = field
    var parts: [ArraySlice<UInt8>] = []
    for (index, count) in Self.groups.enumerated() {
      if index > 0, rest.popFirst() != UInt8(ascii: "-") { return nil }
      let part = rest.prefix(count)
      guard part.count == count, part.allSatisfy(Self.isLowercaseHexadecimal) else { return nil }
      parts.append(part)
      rest = rest.dropFirst(count)
    }
    // Version ff is forbidden; later versions than 00 may have more behind another hyphen.
    let version = Array(parts[0])
    guard version != Array("ff".utf8) else { return nil }
    guard rest.isEmpty || (version != Array("00".utf8) && rest.first == UInt8(ascii: "-"))
    else { return nil }
    // "All bytes as zero is considered an invalid value", of the trace and of the parent.
    guard parts[1...2].allSatisfy({ part in part.contains { $0 != UInt8(ascii: "0") } })
    else { return nil }
    let known = field.prefix(Self.groups.reduce(3, +))
    text = String(decoding: known, as: UTF8.self)
  }

  private static func isLowercaseHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}
