/// A word, a number or a punctuation mark of Swift code.
struct SwiftToken {
  let text: Substring
  /// Counted from one.
  let line: Int

  /// Stands for a string literal: what it says is nobody's business here.
  static let string: Substring = "\"\""

  var isWord: Bool { text.first.map { $0.isLetter || $0 == "_" } ?? false }
}
