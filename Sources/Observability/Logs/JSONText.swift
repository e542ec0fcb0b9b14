/// Writes JSON (RFC 8259) for log lines: strings that may hold anything, and never a line break.
struct JSONText {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  init() { bytes.reserveCapacity(256) }

  mutating func open(_ bracket: StaticString) {
    separate()
    append(bracket.description)
    needsComma = false
  }

  mutating func close(_ bracket: StaticString) {
    append(bracket.description)
    needsComma = true
  }

  mutating func name(_ name: String) {
    separate()
    quote(name)
    append(":")
    needsComma = false
  }

  mutating func string(_ text: String) {
    separate()
    quote(text)
    needsComma = true
  }

  /// A number or a literal, as it is to be written.
  mutating func literal(_ text: String) {
    separate()
    append(text)
    needsComma = true
  }

  mutating func endLine() { append("\n") }

  private mutating func separate() {
    if needsComma { append(",") }
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// RFC 8259 §7: quotation mark, reverse solidus and U+0000 to U+001F are escaped. U+007F to
  /// U+009F are too, because a terminal that shows the log would obey them.
  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "\r": append("\\r")
      case "\t": append("\\t")
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}":
        let digits = String(scalar.value, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
      default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
