import HTTP
import KeyValueStore

/// Writes a JSON text (RFC 8259) from front to back; commas come by themselves.
struct JSONWriter {
  /// What has been written.
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  /// Makes room for a text of `capacity` bytes.
  init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  mutating func beginObject() { begin(UInt8(ascii: "{")) }
  mutating func endObject() { end(UInt8(ascii: "}")) }
  mutating func beginArray() { begin(UInt8(ascii: "[")) }
  mutating func endArray() { end(UInt8(ascii: "]")) }

  /// A member's name, which needs no escaping; its value comes next.
  mutating func name(_ name: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(name)
    bytes.append("\":")
    needsComma = false
  }

  mutating func null() { literal("null") }
  mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

  mutating func number(_ value: Int64) {
    separate()
    bytes.append(decimal: value)
  }

  /// A part of a whole, from 0 to 1 with four decimals; 0 of nothing.
  mutating func fraction(_ part: Int, of whole: Int) {
    separate()
    let tenThousandths = whole > 0 ? Int64((Double(part) / Double(whole) * 10_000).rounded()) : 0
    bytes.append(decimal: tenThousandths / 10_000)
    bytes.append(".")
    // A leading one keeps the zeros behind the point.
    var decimals: [UInt8] = []
    decimals.append(decimal: 10_000 + tenThousandths % 10_000)
    bytes.append(contentsOf: decimals.dropFirst())
  }

  /// A value that is JSON already.
  mutating func raw(_ text: some Collection<UInt8>) {
    separate()
    bytes.append(contentsOf: text)
  }

  /// A value whose text `write` appends.
  mutating func raw(_ write: (inout [UInt8]) -> Void) {
    separate()
    write(&bytes)
  }

  mutating func string(_ text: String) { string(utf8: text.utf8) }

  /// A string, from bytes that are UTF-8.
  mutating func string(utf8: some Collection<UInt8>) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    for byte in utf8 {
      // §7: the quotation mark, the backslash and U+0000–U+001F; U+007F for the reader's sake.
      if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte != 0x7F {
        bytes.append(byte)
      } else {
        escape(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// A string of Base64.
  mutating func base64(_ value: [UInt8]) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    Base64.append(value, to: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  /// A string: the time in UTC with microseconds (RFC 3339).
  mutating func timestamp(_ time: Timestamp) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(rfc3339: time)
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

  private mutating func escape(_ byte: UInt8) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    default:
      bytes.append("u00")
      for digit in [byte >> 4, byte & 15] {
        bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
      }
    }
  }
}
