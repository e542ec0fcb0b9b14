import Foundation

/// Links between the documents.
enum Links {
  /// Every link to a local file leads to one. `root` is the repository's.
  static func resolve(root: URL) -> Rule {
    Rule { file in
      guard file.isMarkdown else { return [] }
      let folder = root.appending(path: file.path).deletingLastPathComponent()
      return targets(in: file).compactMap { target, line in
        let path = target.prefix { $0 != "#" }
        guard !path.isEmpty, !path.contains(":") else { return nil }
        let url = folder.appending(path: String(path).removingPercentEncoding ?? String(path))
        return FileManager.default.fileExists(atPath: url.path(percentEncoded: false))
          ? nil : file.breach(line: line, "there is no \(path)")
      }
    }
  }

  /// What stands in the round brackets of `[text](target)`, outside code blocks.
  private static func targets(in file: SourceFile) -> [(target: Substring, line: Int)] {
    var isCode = false
    var found: [(Substring, Int)] = []
    for (number, line) in zip(1..., file.lines) {
      if line.drop(while: { $0 == " " }).hasPrefix("```") { isCode.toggle() }
      guard !isCode else { continue }
      for start in line.ranges(of: "](") {
        guard let end = line[start.upperBound...].firstIndex(of: ")") else { continue }
        found.append((line[start.upperBound..<end], number))
      }
    }
    return found
  }
}
