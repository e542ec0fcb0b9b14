/// Writes HTML text; everything that is not markup passes through `text`.
struct HTML {
  /// What has been written.
  private(set) var bytes: [UInt8] = []

  /// Appends markup as it is.
  mutating func markup(_ markup: String) { bytes.append(contentsOf: markup.utf8) }

  /// Appends text, with what HTML would read as markup escaped.
  mutating func text(_ text: String) { bytes.append(contentsOf: HTML.escaped(text).utf8) }

  /// Appends text in which what stands between backquotes is code, as in OpenAPI's descriptions.
  mutating func prose(_ prose: String) {
    for (index, part) in prose.split(separator: "`", omittingEmptySubsequences: false).enumerated()
    {
      if index % 2 == 0 { text(String(part)) } else { element("code", String(part)) }
    }
  }

  /// Appends an element that holds text only.
  mutating func element(_ name: String, _ text: String, _ attributes: String = "") {
    markup("<\(name)\(attributes)>\(HTML.escaped(text))</\(name)>")
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.append(character)
      }
    }
    return escaped
  }
}
