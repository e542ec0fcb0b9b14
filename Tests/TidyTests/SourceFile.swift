/// One text file of the repository, as the rules see it.
struct SourceFile {
  /// Relative to the repository's root, with forward slashes.
  let path: String
  let lines: [Substring]
  /// The words and marks of a Swift file, without comments and strings; empty for other files.
  let tokens: [SwiftToken]

  init(path: String, text: String) {
    self.path = path
    lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    tokens = path.hasSuffix(".swift") ? SwiftScanner.tokens(of: text) : []
  }

  var isSwift: Bool { path.hasSuffix(".swift") }
  var isMarkdown: Bool { path.hasSuffix(".md") }
  var isTest: Bool { path.hasPrefix("Tests/") }

  /// The target under `Sources` that the file belongs to.
  var libraryOrExecutable: String? {
    let parts = path.split(separator: "/")
    return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
  }

  /// The last part of the path, without its extension.
  var baseName: Substring {
    let name = path.split(separator: "/").last ?? ""
    return name.firstIndex(of: ".").map { name[..<$0] } ?? name
  }

  /// Written by people: source code and scripts, not prose and not data.
  var isCode: Bool {
    let endings = [".swift", ".c", ".h", ".py", ".sh", ".lua", "Makefile"]
    return endings.contains { path.hasSuffix($0) }
      || ((path.hasPrefix("scripts/") || path.hasPrefix(".ci/")) && !path.contains("."))
      || path == ".ci/run"
  }

  func breach(line: Int, _ message: String) -> Breach {
    Breach(path: path, line: line, message: message)
  }
}
