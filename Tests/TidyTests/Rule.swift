/// One rule of the house: looks at a file and names the places that break it.
struct Rule: Sendable {
  let breaches: @Sendable (SourceFile) -> [Breach]

  /// A rule about single words and marks of Swift code.
  static func tokens(
    where applies: @escaping @Sendable (SourceFile) -> Bool,
    _ message: @escaping @Sendable (ArraySlice<SwiftToken>) -> String?
  ) -> Rule {
    Rule { file in
      guard file.isSwift, applies(file) else { return [] }
      return file.tokens.indices.compactMap { index in
        message(file.tokens[index...]).map {
          file.breach(line: file.tokens[index].line, $0)
        }
      }
    }
  }

  /// A rule about single lines.
  static func lines(
    where applies: @escaping @Sendable (SourceFile) -> Bool,
    _ message: @escaping @Sendable (Substring) -> String?
  ) -> Rule {
    Rule { file in
      guard applies(file) else { return [] }
      return zip(1..., file.lines).compactMap { number, line in
        message(line).map { file.breach(line: number, $0) }
      }
    }
  }
}

extension ArraySlice<SwiftToken> {
  /// Whether the tokens begin with these texts.
  func starts(with texts: String...) -> Bool {
    count >= texts.count && zip(self, texts).allSatisfy { $0.text == $1 }
  }
}
