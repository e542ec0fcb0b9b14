/// A command that sets the number of replicas, with places for what is not known beforehand.
///
/// It is split into words once, before anything is filled in, and no shell reads it: whatever takes
/// the place of a placeholder stays within its word.
struct CommandTemplate: Equatable, Sendable {
  /// What may stand in braces.
  enum Placeholder: String, CaseIterable {
    /// The service that is scaled.
    case service
    /// How many replicas it is to have.
    case replicas
    /// The other service.
    case other
    /// How many replicas that has, so that a command which sets both leaves it as it is.
    case otherReplicas = "other_replicas"
  }

  /// At least one.
  let words: [String]

  /// Splits a command at spaces; what stands in single or double quotes is one word.
  init(_ text: String) throws(CommandTemplateError) {
    words = try Self.split(text)
    guard !words.isEmpty else { throw .empty }
    for name in words.flatMap(Self.placeholders) where Placeholder(rawValue: name) == nil {
      throw .unknownPlaceholder(name)
    }
    for needed in [Placeholder.service, .replicas] where !contains(needed) {
      throw .missingPlaceholder(needed.rawValue)
    }
  }

  /// Whether it asks for something.
  func contains(_ placeholder: Placeholder) -> Bool {
    words.contains { $0.contains("{\(placeholder.rawValue)}") }
  }

  /// The words with everything filled in.
  func filled(_ values: [Placeholder: String]) -> [String] {
    words.map { word in
      // From left to right, once: what is filled in is not looked at again.
      word.replacing(/\{([a-z_]+)\}/) { match in
        Placeholder(rawValue: String(match.1)).flatMap { values[$0] } ?? String(match.0)
      }
    }
  }

  private static func placeholders(in word: String) -> [String] {
    word.matches(of: /\{([a-z_]+)\}/).map { String($0.1) }
  }

  private static func split(_ text: String) throws(CommandTemplateError) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    for character in text {
      if let open = quote {
        if character == open { quote = nil } else { word?.append(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil else { throw .openQuote }
    if let done = word { words.append(done) }
    return words
  }
}
