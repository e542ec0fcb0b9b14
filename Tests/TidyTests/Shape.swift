/// How long and how wide things may be, and what they are called.
enum Shape {
  static let fileLinesMin = 20
  static let fileLinesMax = 400
  static let columnsMax = 100
  static let functionLinesMax = 60

  static let fileLength = Rule { file in
    guard file.isCode, file.length > fileLinesMax else { return [] }
    return [file.breach(line: fileLinesMax, "a file has at most \(fileLinesMax) lines")]
  }

  /// Short files that stand alone, by path, and why. There is none.
  private static let shortFileReasons: [String: String] = [:]

  /// An idea that needs fewer lines stands together with the idea that it serves.
  static let shortFiles = Rule { file in
    guard file.isSwift, file.module != nil, file.length < fileLinesMin,
      shortFileReasons[file.path] == nil
    else { return [] }
    return [
      file.breach(
        line: 1, "\(file.length) lines: put it where it is used, or give a reason in Shape")
    ]
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
        // A closing brace before any opening one ends a protocol: there is no body.
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

  /// A file is named after a type that it declares or extends. If it is named after an idea, its
  /// first line says which.
  static let fileName = Rule { file in
    guard file.isSwift, file.module != nil, !file.types.isEmpty else { return [] }
    let expected = file.baseName.prefix { $0 != "+" }
    let saysWhy = file.lines.first.map { $0.hasPrefix("// ") } ?? false
    return saysWhy || file.tokens.contains { $0.text == expected }
      ? []
      : [
        file.breach(
          line: 1, "no type is called \(expected): say in the first line what the file is about")
      ]
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

  /// The word in a name that does not say what the thing does.
  private static func emptyWord(in name: Substring) -> String? {
    ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Utilities", "Impl"]
      .first { name.hasSuffix($0) }
  }
}
