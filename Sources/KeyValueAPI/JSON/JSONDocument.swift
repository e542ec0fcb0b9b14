/// A JSON text (RFC 8259), parsed without losing a byte of it.
///
/// Foundation's decoder returns numbers as `Double` or `Decimal`: `1.0`, `1E400` and twenty-digit
/// integers would not come back as they were sent. Here every value keeps the range of its own
/// text, so that a client gets what a client has stored.
struct JSONDocument: Sendable {
  let bytes: [UInt8]
  /// The values in the order in which they begin; the first is the whole document.
  let nodes: [Node]

  /// Deeper nesting is refused: the parser is recursive.
  static let depthMax = 64
  /// More values and names are refused. A value of 1 MiB has at most half as many; a document of
  /// brackets only must not take many times its size in memory.
  static let nodesMax = 1_000_000
  /// The longest text, in bytes: places are kept in 32 bits.
  static let bytesMax = Int(Int32.max)

  /// One value, or one member's name.
  struct Node: Sendable {
    let kind: Kind
    /// Whether a string has escapes to decode.
    var hasEscapes: Bool
    /// Of the value's text.
    let start: Int32
    /// Of the value's text, behind its last byte.
    var end: Int32
    /// The node after this one and everything in it.
    var next: Int32
    /// Members of an object, elements of an array.
    var count: Int32

    var range: Range<Int> { Int(start)..<Int(end) }
    /// The text between the quotes of a string.
    var contentRange: Range<Int> { Int(start) + 1..<Int(end) - 1 }
  }

  enum Kind: Sendable, Equatable {
    case object
    case array
    case string
    case number
    case bool
    case null
  }

  /// Parses `bytes`: strictly, and in time proportional to their length.
  /// - Parameter nodesMax: the most values and names; where fewer have a meaning, a text of many
  ///   costs less time.
  init(parsing bytes: [UInt8], nodesMax: Int = JSONDocument.nodesMax) throws(JSONError) {
    precondition(bytes.count <= JSONDocument.bytesMax, "Bodies are bounded far below")
    var scanner = JSONScanner(bytes, nodesMax: nodesMax)
    self.nodes = try scanner.scan()
    self.bytes = bytes
  }

  var root: JSONValue { JSONValue(document: self, index: 0) }
}

/// A value inside a document.
struct JSONValue: Sendable {
  let document: JSONDocument
  let index: Int

  private var node: JSONDocument.Node { document.nodes[index] }

  var kind: JSONDocument.Kind { node.kind }

  /// The value's text, exactly as it was sent.
  var text: ArraySlice<UInt8> { document.bytes[node.range] }

  /// How many members or elements it has.
  var count: Int { Int(node.count) }

  /// The UTF-8 of a string; nil for any other value.
  var stringBytes: [UInt8]? {
    guard node.kind == .string else { return nil }
    let content = document.bytes[node.contentRange]
    return node.hasEscapes ? JSONScanner.decoded(content) : Array(content)
  }

  /// A string; nil for any other value.
  var string: String? { stringBytes.map { String(decoding: $0, as: UTF8.self) } }

  /// True or false; nil for any other value.
  var bool: Bool? { kind == .bool ? document.bytes[Int(node.start)] == UInt8(ascii: "t") : nil }

  /// A whole number that fits, however it is written (`60`, `60.0`, `6e1`: JSON has one kind of
  /// number); nil for any other value.
  var integer: Int64? {
    guard kind == .number else { return nil }
    let text = String(decoding: text, as: UTF8.self)
    return Int64(text) ?? Self.integer(written: text)
  }

  /// Digit by digit: a floating-point number would round a large one.
  private static func integer(written text: String) -> Int64? {
    let parts = text.split { $0 == "e" || $0 == "E" }
    let mantissa = parts[0].split(separator: ".")
    var digits = mantissa.joined()
    guard digits.contains(where: { ("1"..."9").contains($0) }) else { return 0 }
    let exponentMax = text.utf8.count + 18
    guard let exponent = parts.count > 1 ? Int(parts[1]) : 0,
      (-exponentMax...exponentMax).contains(exponent)
    else { return nil }
    var zeros = exponent - (mantissa.count > 1 ? mantissa[1].count : 0)
    while zeros < 0, digits.last == "0" {
      digits.removeLast()
      zeros += 1
    }
    return (0...18).contains(zeros) ? Int64(digits + String(repeating: "0", count: zeros)) : nil
  }

  /// The elements of an array, in order; none for any other value.
  var elements: [JSONValue] {
    guard kind == .array else { return [] }
    return children
  }

  /// The members of an object, in order; none for any other value.
  var members: [(name: String, value: JSONValue)] {
    guard kind == .object else { return [] }
    let children = children
    return stride(from: 0, to: children.count, by: 2).map {
      (children[$0].string ?? "", children[$0 + 1])
    }
  }

  /// The member called `name`, if this is an object and has one.
  subscript(name: String) -> JSONValue? { members.first { $0.name == name }?.value }

  private var children: [JSONValue] {
    var children: [JSONValue] = []
    var child = index + 1
    while child < node.next {
      children.append(JSONValue(document: document, index: child))
      child = Int(document.nodes[child].next)
    }
    return children
  }
}

/// Why a text is not accepted as JSON, and where.
struct JSONError: Error, Equatable {
  let reason: Reason
  /// Counted in bytes from 0.
  let offset: Int

  enum Reason: String {
    case unexpectedEnd = "the text ends too early"
    case unexpectedByte = "this character is not allowed here"
    case trailingBytes = "something follows the document"
    case invalidUTF8 = "these bytes are not UTF-8"
    case controlCharacter = "a control character in a string must be escaped"
    case invalidEscape = "this escape does not exist"
    case loneSurrogate = "half of a surrogate pair stands alone"
    case invalidNumber = "this is not a number"
    case tooDeep = "arrays and objects are nested more than 64 deep"
    case tooManyValues = "there are too many values and names"
    case duplicateMember = "this object names a member twice"
  }

  /// A sentence for the client.
  var sentence: String { "The body is not usable JSON: \(reason.rawValue), at byte \(offset)." }
}
