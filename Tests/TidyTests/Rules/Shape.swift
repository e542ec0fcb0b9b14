/// How long and how wide things may be, and what they are called.
enum Shape {
  static let fileLinesMax = 400
  static let columnsMax = 100
  static let functionLinesMax = 60

  static let fileLength = Rule { file in
    guard file.isCode, file.lines.count - 1 > fileLinesMax else { return [] }
    return [file.breach(line: fileLinesMax, "a file has at most \(fileLinesMax) lines")]
  }

  static let lineWidth = Rule.lines(where: \.isCode) { line in
    line.count > columnsMax ? "\(line.count) columns: at most \(columnsMax)" : nil
  }

  static let functionLength = Rule { file in
    file.tokens.indices.compactMap { index in
      guard let body = functionBody(at: index, in: file.tokens) else { return nil }
      let first = file.tokens[index].line
      let lines = file.tokens[body.upperBound].line - first + 1
      guard lines > functionLinesMax else { return nil }
      return file.breach(
        line: first, "a function of \(lines) lines: at most \(functionLinesMax)")
    }
  }

  /// From the brace that opens the body of the function declared at `index` to the one that
  /// closes it.
  private static func functionBody(at index: Int, in tokens: [SwiftToken]) -> ClosedRange<Int>? {
    let isMember = index > 0 && tokens[index - 1].text == "."
    guard ["func", "init", "deinit", "subscript"].contains(tokens[index].text), !isMember
    else { return nil }
    var round = 0
    var curly = 0
    var start: Int?
    for position in (index + 1)..<tokens.count {
      switch tokens[position].text {
      case "(", "[": round += 1
      case ")", "]": round -= 1
      case "{" where round == 0:
        if start == nil { start = position }
        curly += 1
      case "}" where round == 0:
        curly -= 1
        // A closing brace before any opening one ends a protocol: no body here.
        if curly < 0 { return nil }
        if curly == 0, let start { return start...position }
      // The next declaration: this one was a requirement of a protocol.
      case "func", "init", "var", "let", "subscript", "associatedtype":
        if start == nil && round == 0 { return nil }
      default: break
      }
    }
    return nil
  }

  /// A file declares the type that it is named after. One that only extends types of others is
  /// named after what it adds.
  static let fileName = Rule { file in
    guard file.isSwift, file.libraryOrExecutable != nil else { return [] }
    let expected = file.baseName.prefix { $0 != "+" }
    let kinds: Set<Substring> = ["struct", "class", "enum", "actor", "protocol"]
    var depth = 0
    var isDeclaring = false
    for (token, next) in zip(file.tokens, file.tokens.dropFirst()) {
      if token.text == "{" { depth += 1 }
      if token.text == "}" { depth -= 1 }
      guard next.text != expected else { return [] }
      isDeclaring = isDeclaring || (depth == 0 && kinds.contains(token.text))
    }
    return isDeclaring
      ? [file.breach(line: 1, "no type here is called \(expected), as the file is")] : []
  }

  static let typeNames = Rule.tokens(where: \.isSwift) { tokens in
    let kinds: Set<Substring> = ["struct", "class", "enum", "actor", "protocol", "typealias"]
    guard let kind = tokens.first?.text, kinds.contains(kind),
      let name = tokens.dropFirst().first?.text
    else { return nil }
    return emptyWord(in: name).map { "\(name): say what it does instead of \($0)" }
  }

  static let fileNames = Rule { file in
    emptyWord(in: file.baseName).map {
      [file.breach(line: 1, "a file named \($0): name it after what it does")]
    } ?? []
  }

  /// The word in a name that says nothing about what the thing does.
  private static func emptyWord(in name: Substring) -> String? {
    ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Utilities", "Impl"]
      .first { name.hasSuffix($0) }
  }
}
