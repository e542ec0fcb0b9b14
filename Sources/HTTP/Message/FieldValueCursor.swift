/// Walks through field values by the rules that RFC 9110 §5.6 gives for lists, tokens and quoted
/// strings.
struct FieldValueCursor {
  private let bytes: ArraySlice<UInt8>
  private var index: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    index = bytes.startIndex
  }

  /// The byte that comes next, nil at the end.
  var next: UInt8? { index < bytes.endIndex ? bytes[index] : nil }

  /// Passes over the next byte if it is `byte`, and says whether it was.
  mutating func skip(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    index += 1
    return true
  }

  /// Passes over optional white space (RFC 9110 §5.6.3).
  mutating func skipWhiteSpace() {
    while let next, next.isWhiteSpace { index += 1 }
  }

  /// Passes over white space and the commas of empty list elements (RFC 9110 §5.6.1.2).
  mutating func skipEmptyElements() {
    while let next, next.isWhiteSpace || next == .comma { index += 1 }
  }

  /// Reads as many bytes as `accepts` does.
  mutating func read(while accepts: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    let start = index
    while let next, accepts(next) { index += 1 }
    return bytes[start..<index]
  }

  /// Reads a token (RFC 9110 §5.6.2); nil if there is none.
  mutating func token() -> ArraySlice<UInt8>? {
    let token = read(while: OctetSet.token.contains)
    return token.isEmpty ? nil : token
  }

  /// Reads a quoted string (RFC 9110 §5.6.4) and undoes its escapes; nil if there is none or it
  /// does not end.
  mutating func quotedString() -> [UInt8]? {
    guard skip(.quote) else { return nil }
    var text: [UInt8] = []
    while let byte = next {
      index += 1
      if byte == .quote { return text }
      if byte == .backslash {
        guard let escaped = next else { return nil }
        index += 1
        text.append(escaped)
      } else {
        text.append(byte)
      }
    }
    return nil
  }

  /// Reads a token or a quoted string.
  mutating func word() -> [UInt8]? {
    next == .quote ? quotedString() : token().map { Array($0) }
  }

  /// Goes on to the comma behind the current list element, or to the end; quoted commas do not
  /// count.
  mutating func skipElement() {
    while let next, next != .comma {
      if next == .quote {
        if quotedString() == nil { index = bytes.endIndex }
      } else {
        index += 1
      }
    }
  }
}

extension ArraySlice<UInt8> {
  /// The bytes as text, ASCII letters in lower case.
  var lowercasedText: String { String(decoding: lazy.map(\.lowercased), as: UTF8.self) }
}
