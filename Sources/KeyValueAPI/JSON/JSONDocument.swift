/// A JSON text (RFC 8259), taken apart without losing a byte of it.
///
/// Foundation's decoder hands numbers out as `Double` or `Decimal`: `1.0`, `1E400` and twenty-digit
/// integers would not come back as they were sent. Here every value keeps the range of its own
/// text, so that what a client stored is what a client gets.
struct JSONDocument: Sendable {
  /// The text.
  let bytes: [UInt8]
  /// The values in the order in which they begin; the first is the whole document.
  let nodes: [Node]

  /// Deeper nesting is refused, so that nobody's stack or patience is at the client's mercy.
  static let depthMax = 64
  /// More values and names are refused: a value of 1 MiB has half as many at most, and a document
  /// of nothing but brackets must not take many times its size in memory.
  static let nodesMax = 1_000_000
  /// The longest text, in bytes: places are kept in 32 bits.
  static let bytesMax = Int(Int32.max)

  /// One value, or one member's name.
  struct Node: Sendable {
    let kind: Kind
    /// Whether a string must be decoded before it is used.
    var hasEscapes: Bool
    /// Where the text of the value begins.
    let start: Int32
    /// Behind the last byte of its text.
    var end: Int32
    /// The node after this one and everything in it.
    var next: Int32
    /// Members of an object, elements of an array.
    var count: Int32

    /// Where the text of the value stands.
    var range: Range<Int> { Int(start)..<Int(end) }
    /// Where the text between the quotes of a string stands.
    var contentRange: Range<Int> { Int(start) + 1..<Int(end) - 1 }
  }

  /// What a value is.
  enum Kind: Sendable, Equatable {
    case object
    case array
    case string
    case number
    case bool
    case null
  }

  /// Takes `bytes` apart: strictly, and in time proportional to their length.
  init(parsing bytes: [UInt8]) throws(JSONError) {
    precondition(bytes.count <= JSONDocument.bytesMax, "Bodies are bounded far below")
    var scanner = JSONScanner(bytes)
    self.nodes = try scanner.scan()
    self.bytes = bytes
  }

  /// The value that the text is.
  var root: JSONValue { JSONValue(document: self, index: 0) }
}

/// A value inside a document.
struct JSONValue: Sendable {
  let document: JSONDocument
  let index: Int

  private var node: JSONDocument.Node { document.nodes[index] }

  /// What the value is.
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
    return Int64(text) ?? Double(text).flatMap { Int64(exactly: $0) }
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
