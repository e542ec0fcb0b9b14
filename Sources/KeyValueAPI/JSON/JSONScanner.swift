internal import Basics

/// Reads a JSON text once and notes where every value is (RFC 8259 §2–§7).
///
/// Names and values follow each other in `nodes`; an object's `count` is its number of members.
struct JSONScanner {
  private let bytes: [UInt8]
  private let nodesMax: Int
  private var position = 0
  private var depth = 0
  private var nodes: [JSONDocument.Node] = []

  init(_ bytes: [UInt8], nodesMax: Int) {
    self.bytes = bytes
    self.nodesMax = nodesMax
  }

  mutating func scan() throws(JSONError) -> [JSONDocument.Node] {
    // §8.1: between systems a JSON text is UTF-8. It is validated once, by the fast path of the
    // standard library; the grammar refuses what is not ASCII outside a string.
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw JSONError(reason: .invalidUTF8, offset: error.byteOffsets.lowerBound)
    }
    try scanValue()
    skipWhiteSpace()
    guard position == bytes.count else { throw failure(.trailingBytes) }
    return nodes
  }

  private mutating func scanValue() throws(JSONError) {
    skipWhiteSpace()
    switch try peek() {
    case UInt8(ascii: "{"): try scanObject()
    case UInt8(ascii: "["): try scanArray()
    case UInt8(ascii: "\""): try scanString()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
    case UInt8(ascii: "t"): try scanLiteral("true", .bool)
    case UInt8(ascii: "f"): try scanLiteral("false", .bool)
    case UInt8(ascii: "n"): try scanLiteral("null", .null)
    default: throw failure(.unexpectedByte)
    }
  }

  // MARK: Objects and arrays (§4, §5)

  private mutating func scanObject() throws(JSONError) {
    let object = try open(.object)
    var names = MemberNames()
    skipWhiteSpace()
    if try peek() == UInt8(ascii: "}") { return close(object) }
    while true {
      skipWhiteSpace()
      guard try peek() == UInt8(ascii: "\"") else { throw failure(.unexpectedByte) }
      let name = nodes.count
      try scanString()
      // §4 does not say what a repeated name means.
      guard names.insert(nodes[name], of: bytes) else {
        throw JSONError(reason: .duplicateMember, offset: Int(nodes[name].start))
      }
      skipWhiteSpace()
      guard try peek() == UInt8(ascii: ":") else { throw failure(.unexpectedByte) }
      position += 1
      try scanValue()
      nodes[object].count += 1
      if try isLast(UInt8(ascii: "}")) { return close(object) }
    }
  }

  private mutating func scanArray() throws(JSONError) {
    let array = try open(.array)
    skipWhiteSpace()
    if try peek() == UInt8(ascii: "]") { return close(array) }
    while true {
      try scanValue()
      nodes[array].count += 1
      if try isLast(UInt8(ascii: "]")) { return close(array) }
    }
  }

  private mutating func open(_ kind: JSONDocument.Kind) throws(JSONError) -> Int {
    guard depth < JSONDocument.depthMax else { throw failure(.tooDeep) }
    depth += 1
    let index = try append(kind, from: position, to: position)
    position += 1
    return index
  }

  /// Behind an element: false at a comma, true at `closing`.
  private mutating func isLast(_ closing: UInt8) throws(JSONError) -> Bool {
    skipWhiteSpace()
    let byte = try peek()
    if byte == closing { return true }
    guard byte == UInt8(ascii: ",") else { throw failure(.unexpectedByte) }
    position += 1
    return false
  }

  private mutating func close(_ index: Int) {
    position += 1
    depth -= 1
    nodes[index].end = Int32(position)
    nodes[index].next = Int32(nodes.count)
  }

  // MARK: Scalars (§3, §6, §7)

  private mutating func scanLiteral(
    _ literal: StaticString, _ kind: JSONDocument.Kind
  ) throws(JSONError) {
    let start = position
    for scalar in literal.description.utf8 {
      guard try peek() == scalar else { throw failure(.unexpectedByte) }
      position += 1
    }
    _ = try append(kind, from: start, to: position)
  }

  /// §6: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
  private mutating func scanNumber() throws(JSONError) {
    let start = position
    skip(UInt8(ascii: "-"))
    if !skip(UInt8(ascii: "0")) { try skipDigits() }
    if skip(UInt8(ascii: ".")) { try skipDigits() }
    if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
      if !skip(UInt8(ascii: "+")) { skip(UInt8(ascii: "-")) }
      try skipDigits()
    }
    // A digit here follows a leading zero.
    if position < bytes.count, bytes[position].decimalDigit != nil { throw failure(.invalidNumber) }
    _ = try append(.number, from: start, to: position)
  }

  private mutating func skipDigits() throws(JSONError) {
    let start = position
    while position < bytes.count, bytes[position].decimalDigit != nil { position += 1 }
    guard position > start else { throw failure(.invalidNumber) }
  }

  private mutating func scanString() throws(JSONError) {
    let start = position
    var hasEscapes = false
    position += 1
    while true {
      let byte = try peek()
      if byte == UInt8(ascii: "\"") { break }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        try scanEscape()
      } else if byte < 0x20 {
        throw failure(.controlCharacter)
      } else {
        position += 1
      }
    }
    position += 1
    let index = try append(.string, from: start, to: position)
    nodes[index].hasEscapes = hasEscapes
  }

  private mutating func scanEscape() throws(JSONError) {
    let start = position
    position += 1
    switch try peek() {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    case UInt8(ascii: "u"):
      position += 1
      let unit = try scanHexadecimal()
      if unit & 0xF800 == 0xD800 { try scanLowSurrogate(after: unit, from: start) }
    default:
      throw failure(.invalidEscape)
    }
  }

  /// §7: a character beyond U+FFFF is two escapes. One of them alone has no UTF-8 (§8.2), so it
  /// can't be kept.
  private mutating func scanLowSurrogate(
    after high: UInt16, from start: Int
  ) throws(JSONError) {
    let lone = JSONError(reason: .loneSurrogate, offset: start)
    guard high < 0xDC00, skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else { throw lone }
    guard try scanHexadecimal() & 0xFC00 == 0xDC00 else { throw lone }
  }

  private mutating func scanHexadecimal() throws(JSONError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = try peek().hexadecimalDigit else { throw failure(.invalidEscape) }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  // MARK: Steps

  private func peek() throws(JSONError) -> UInt8 {
    guard position < bytes.count else { throw failure(.unexpectedEnd) }
    return bytes[position]
  }

  @discardableResult
  private mutating func skip(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipWhiteSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private mutating func append(
    _ kind: JSONDocument.Kind, from start: Int, to end: Int
  ) throws(JSONError) -> Int {
    let index = nodes.count
    guard index < nodesMax else { throw failure(.tooManyValues) }
    nodes.append(
      JSONDocument.Node(
        kind: kind, hasEscapes: false, start: Int32(start), end: Int32(end),
        next: Int32(index + 1), count: 0))
    return index
  }

  private func failure(_ reason: JSONError.Reason) -> JSONError {
    JSONError(reason: reason, offset: position)
  }
}

// MARK: - Decoding strings

extension JSONScanner {
  /// The UTF-8 of a scanned string, from the text between its quotes.
  static func decoded(_ content: ArraySlice<UInt8>) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(content.count)
    var position = content.startIndex
    while position < content.endIndex {
      let byte = content[position]
      if byte == UInt8(ascii: "\\") {
        decodeEscape(in: content, at: &position, into: &decoded)
      } else {
        decoded.append(byte)
        position += 1
      }
    }
    return decoded
  }

  private static func decodeEscape(
    in content: ArraySlice<UInt8>, at position: inout Int, into decoded: inout [UInt8]
  ) {
    let letter = content[position + 1]
    position += 2
    switch letter {
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"):
      let unit = codeUnit(in: content, at: &position)
      var scalar = UInt32(unit)
      if unit & 0xFC00 == 0xD800 {
        position += 2
        let low = UInt32(codeUnit(in: content, at: &position))
        scalar = 0x10000 + (UInt32(unit & 0x3FF) << 10 | low & 0x3FF)
      }
      append(scalar, to: &decoded)
    default: decoded.append(letter)
    }
  }

  private static func codeUnit(in content: ArraySlice<UInt8>, at position: inout Int) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      unit = unit << 4 | UInt16(content[position].hexadecimalDigit ?? 0)
      position += 1
    }
    return unit
  }

  private static func append(_ scalar: UInt32, to decoded: inout [UInt8]) {
    guard let scalar = Unicode.Scalar(scalar) else { return }
    decoded.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
  }
}

/// The names that an object has so far, to find a repeated one.
///
/// A few names are compared with each other. Of many, hashes are compared first, with a seed that a
/// client can't know: each member of an object costs the same, however many it has.
private struct MemberNames {
  private var names: [JSONDocument.Node] = []
  private var hashes: Set<Int> = []

  /// Up to this number, comparing costs less than hashing.
  private static let comparedMax = 8

  /// Adds a name, a string of `bytes`; false if it was there, also with other escapes.
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
