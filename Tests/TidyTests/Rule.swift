/// One rule of the house: it checks a file and names the places that break it.
struct Rule: Sendable {
  let breaches: @Sendable (SourceFile) -> [Breach]

  /// A rule about the tokens of Swift code. `message` is given all tokens from one of them on.
  static func tokens(
    where applies: @escaping @Sendable (SourceFile) -> Bool,
    _ message: @escaping @Sendable (ArraySlice<SwiftToken>) -> String?
  ) -> Rule {
    Rule { file in
      guard file.isSwift, applies(file) else { return [] }
      return file.tokens.indices.compactMap { index in
        message(file.tokens[index...]).map { file.breach(line: file.tokens[index].line, $0) }
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

/// A place where a rule is broken.
struct Breach: CustomStringConvertible {
  let path: String
  /// Counted from one.
  let line: Int
  /// Says what to change.
  let message: String

  var description: String { "\(path):\(line): \(message)" }
}
