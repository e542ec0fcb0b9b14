/// What code may do, and what it may leave behind.
enum Conduct {
  /// A promise that the compiler can't check has a comment above it that proves it.
  static let proofs = Rule { file in
    file.tokens.indices.compactMap { index in
      let tokens = file.tokens[index...]
      guard
        tokens.starts(with: "@", "unchecked") || tokens.starts(with: "nonisolated", "(", "unsafe")
      else { return nil }
      let line = file.tokens[index].line
      guard !hasCommentAbove(line: line, in: file) else { return nil }
      return file.breach(line: line, "say above it why this is safe")
    }
  }

  /// Whether the nearest line above that is no attribute is a comment.
  private static func hasCommentAbove(line: Int, in file: SourceFile) -> Bool {
    let above = file.lines[..<(line - 1)].reversed().lazy.map { $0.drop { $0 == " " } }
    return above.first { !$0.hasPrefix("@") }?.hasPrefix("//") ?? false
  }

  // Concatenated, so that this file does not break its own rule.
  private static let marks: Set<String> = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]

  static let unfinished = Rule.lines(where: \.isCode) { line in
    let words = line.split { !$0.isLetter }
    let mark = words.first { marks.contains(String($0)) }
    return mark.map { "\($0): finish it, or write it down as an issue" }
  }

  /// A file with `@main` may start tasks. In other files every task has a parent that waits for it.
  static let tasks = Rule { file in
    guard file.isSwift, file.module != nil else { return [] }
    let isMain = file.tokens.indices.contains { file.tokens[$0...].starts(with: "@", "main") }
    return file.tokens.indices.compactMap { index in
      let tokens = file.tokens[index...]
      let line = file.tokens[index].line
      if tokens.starts(with: "Task", ".", "detached") {
        return file.breach(line: line, "Task.detached leaves the loop: nothing needs that")
      }
      let isTask = tokens.starts(with: "Task", "{") || tokens.starts(with: "Task", "(")
      return isTask && !isMain
        ? file.breach(line: line, "an unstructured Task: use a task group or `async let`") : nil
    }
  }

  static let sleeps = Rule.tokens(where: \.isTest) { tokens in
    let calls: Set<Substring> = ["sleep", "usleep", "nanosleep"]
    guard let word = tokens.first?.text, calls.contains(word), tokens.dropFirst().first?.text == "("
    else { return nil }
    return "a test does not sleep: await the event, or advance a clock"
  }

  static let fatalErrors = Rule.tokens(where: { $0.module != nil }) { tokens in
    guard tokens.starts(with: "fatalError", "(") else { return nil }
    return "throw an error that says what to do, or use precondition for a programmer's mistake"
  }

  static let testNames = Rule.tokens(where: \.isTest) { tokens in
    guard tokens.starts(with: "@", "Test") else { return nil }
    let rest = tokens.dropFirst(2)
    return rest.starts(with: "(", String(SwiftToken.string))
      ? nil : "name the test with a sentence: @Test(\"A key of 1,024 bytes is accepted\")"
  }

  /// Paths of folders that exist on a single machine only.
  static let machinePaths = Rule.lines(where: { $0.isCode || $0.isMarkdown }) { line in
    ["home", "root", "Users", "work"].first { folder in
      line.ranges(of: "/\(folder)/").contains { range in
        line[..<range.lowerBound].last.map { " \"'`(=:".contains($0) } ?? true
      }
    }.map { "/\($0)/ is a folder of one machine" }
  }
}
