/// Writes a JSON text (RFC 8259) from front to back, and puts the commas where they belong.
package struct JSONWriter {
  /// The text so far.
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false
  private let escapesC1: Bool

  /// Makes room for a text of `capacity` bytes.
  /// - Parameter escapesC1: whether the control characters U+0080 to U+009F are escaped, too: a
  ///   terminal that shows the text would obey them.
  package init(reserving capacity: Int = 256, escapesC1: Bool = false) {
    self.escapesC1 = escapesC1
    bytes.reserveCapacity(capacity)
  }

  package mutating func beginObject() { begin(UInt8(ascii: "{")) }
  package mutating func endObject() { end(UInt8(ascii: "}")) }
  package mutating func beginArray() { begin(UInt8(ascii: "[")) }
  package mutating func endArray() { end(UInt8(ascii: "]")) }

  /// A member's name, which needs no escaping; its value comes next.
  package mutating func name(_ name: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(name)
    bytes.append("\":")
    needsComma = false
  }

  /// A member's name that may hold anything; its value comes next.
  package mutating func name(escaping name: String) {
    string(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  package mutating func null() { literal("null") }
  package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

  package mutating func number(_ value: Int64) {
    separate()
    bytes.append(decimal: value)
  }

  /// The fraction `part / whole`, from 0 to 1, with four decimals; 0 if `whole` is 0.
  package mutating func fraction(_ part: Int, of whole: Int) {
    separate()
    let tenThousandths = whole > 0 ? Int64((Double(part) / Double(whole) * 10_000).rounded()) : 0
    bytes.append(decimal: tenThousandths / 10_000)
    bytes.append(".")
    bytes.append(decimal: tenThousandths % 10_000, digits: 4)
  }

  /// A value whose JSON text is `text`.
  package mutating func raw(_ text: some Collection<UInt8>) {
    separate()
    bytes.append(contentsOf: text)
  }

  /// A value whose JSON text `write` appends.
  package mutating func raw(_ write: (inout [UInt8]) -> Void) {
    separate()
    write(&bytes)
  }

  package mutating func string(_ text: String) { quote(text.utf8) }

  /// A string, from bytes that are UTF-8.
  package mutating func string(utf8: [UInt8]) { quote(utf8) }

  /// A string: the time in UTC with microseconds (RFC 3339), from microseconds since the epoch.
  package mutating func timestamp(microseconds: Int64) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(rfc3339: microseconds)
    bytes.append(UInt8(ascii: "\""))
  }

  // MARK: Steps

  private mutating func begin(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func literal(_ text: StaticString) {
    separate()
    bytes.append(text)
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func quote(_ utf8: some Sequence<UInt8>) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    var last: UInt8 = 0
    for byte in utf8 {
      // U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
      if escapesC1, last == 0xC2, byte < 0xA0 {
        bytes.removeLast()
        bytes.append("\\u")
        bytes.append(hexadecimal: UInt64(byte), digits: 4)
      } else {
        append(escaping: byte)
      }
      last = byte
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// RFC 8259 §7: the quotation mark, the backslash and U+0000 to U+001F must be escaped. U+007F is
  /// escaped too, as it does not show. The first test is enough for almost all bytes.
  private mutating func append(escaping byte: UInt8) {
    if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte != 0x7F {
      return bytes.append(byte)
    }
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    default:
      bytes.append("u")
      bytes.append(hexadecimal: UInt64(byte), digits: 4)
    }
  }
}
