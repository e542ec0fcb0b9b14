/// Cuts Swift source into tokens. It knows comments and string literals, so that no rule mistakes a
/// word in prose for code, and nothing else of the language.
struct SwiftScanner {
  private let source: Substring
  private var position: String.Index
  private var line = 1
  private var tokens: [SwiftToken] = []

  static func tokens(of text: String) -> [SwiftToken] {
    var scanner = SwiftScanner(text: text)
    while scanner.skipOrTake() {}
    return scanner.tokens
  }

  private init(text: String) {
    source = Substring(text)
    position = source.startIndex
  }

  private var text: Substring.UTF8View { source.utf8 }

  private func peek(_ offset: Int = 0) -> UInt8? {
    guard let index = text.index(position, offsetBy: offset, limitedBy: text.endIndex),
      index < text.endIndex
    else { return nil }
    return text[index]
  }

  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where position < text.endIndex {
      if text[position] == UInt8(ascii: "\n") { line += 1 }
      text.formIndex(after: &position)
    }
  }

  private func hasPrefix(_ prefix: StaticString) -> Bool {
    source[position...].utf8.starts(with: "\(prefix)".utf8)
  }

  /// One step: skips white space or a comment, or takes a token. False at the end of the text.
  private mutating func skipOrTake() -> Bool {
    guard let byte = peek() else { return false }
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t"): advance()
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"): skipLineComment()
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipBlockComment()
    case UInt8(ascii: "\""): takeString(pounds: 0)
    case UInt8(ascii: "#"):
      let pounds = source[position...].utf8.prefix { $0 == UInt8(ascii: "#") }.count
      if peek(pounds) == UInt8(ascii: "\"") {
        takeString(pounds: pounds)
      } else {
        take { $0 == UInt8(ascii: "#") }
      }
    case _ where Self.isWordByte(byte): take(Self.isWordByte)
    default:
      tokens.append(SwiftToken(text: source[position...].prefix(1), line: line))
      advance(source[position...].prefix(1).utf8.count)
    }
    return true
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 128...: true
    default: false
    }
  }

  private mutating func take(_ belongs: (UInt8) -> Bool) {
    let start = position
    let firstLine = line
    while let byte = peek(), belongs(byte) { advance() }
    tokens.append(SwiftToken(text: source[start..<position], line: firstLine))
  }

  private mutating func skipLineComment() {
    while let byte = peek(), byte != UInt8(ascii: "\n") { advance() }
  }

  private mutating func skipBlockComment() {
    var depth = 0
    repeat {
      if hasPrefix("/*") {
        depth += 1
        advance(2)
      } else if hasPrefix("*/") {
        depth -= 1
        advance(2)
      } else {
        advance()
      }
    } while depth > 0 && peek() != nil
  }

  private mutating func takeString(pounds: Int) {
    let start = position
    let firstLine = line
    skipString(pounds: pounds)
    let literal = source[start..<position].trimming { $0 == "#" || $0 == "\"" }
    tokens.append(SwiftToken(text: SwiftToken.string, line: firstLine, literal: literal))
  }

  /// Skips a literal whose opening marks are next: `"`, `"""`, each with any number of `#`.
  private mutating func skipString(pounds: Int) {
    advance(pounds)
    let isMultiline = hasPrefix("\"\"\"")
    let quotes = isMultiline ? 3 : 1
    advance(quotes)
    let escape = [UInt8(ascii: "\\")] + Array(repeating: UInt8(ascii: "#"), count: pounds)
    let end =
      Array(repeating: UInt8(ascii: "\""), count: quotes)
      + Array(repeating: UInt8(ascii: "#"), count: pounds)
    while let byte = peek() {
      let rest = source[position...].utf8
      if rest.starts(with: end) {
        advance(end.count)
        return
      }
      if rest.starts(with: escape) {
        advance(escape.count)
        if peek() == UInt8(ascii: "(") { skipInterpolation() } else { advance() }
      } else if byte == UInt8(ascii: "\n"), !isMultiline {
        return
      } else {
        advance()
      }
    }
  }

  /// Skips `(…)` in a literal, and the literals in it.
  private mutating func skipInterpolation() {
    var depth = 0
    repeat {
      switch peek() {
      case UInt8(ascii: "("): depth += 1
      case UInt8(ascii: ")"): depth -= 1
      case UInt8(ascii: "\""):
        skipString(pounds: 0)
        continue
      default: break
      }
      advance()
    } while depth > 0 && peek() != nil
  }
}

/// A word, a number or a punctuation mark of Swift code.
struct SwiftToken {
  let text: Substring
  /// Counted from one.
  let line: Int
  /// What a string literal contains; nil for other tokens.
  var literal: Substring?

  /// The text of every string literal: what it contains is no code.
  static let string: Substring = "\"\""

  var isWord: Bool { text.first.map { $0.isLetter || $0 == "_" } ?? false }
}

extension ArraySlice<SwiftToken> {
  /// Whether the tokens begin with these texts.
  func starts(with texts: String...) -> Bool {
    count >= texts.count && zip(self, texts).allSatisfy { $0.text == $1 }
  }
}

extension Substring {
  /// The text without the characters at its ends that `belongs` names.
  fileprivate func trimming(_ belongs: (Character) -> Bool) -> Substring {
    let rest = drop(while: belongs)
    return rest.lastIndex { !belongs($0) }.map { rest[...$0] } ?? ""
  }
}
