import Foundation

/// What the documents say about files and modules.
enum Documents {
  /// Every link to a local file leads to one. `root` is the repository's.
  static func links(root: URL) -> Rule {
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

  /// A table with a column `Depends on` shows the arrows of Package.swift between the Swift modules
  /// of `Sources`. Its first column names the module.
  static func arrows(_ package: PackageTargets) -> Rule {
    Rule { file in
      guard file.isMarkdown else { return [] }
      let modules = Set(Layers.rows.joined()).filter { package.targets[$0] != nil }
      var column: Int?
      return zip(1..., file.lines).compactMap { number, line in
        guard line.hasPrefix("|") else {
          column = nil
          return nil
        }
        let cells = line.split(separator: "|")
        guard let index = column else {
          column = cells.firstIndex { $0.contains("Depends on") }
          return nil
        }
        guard let module = words(cells.first).first, modules.contains(module),
          let dependencies = package.targets[module], cells.indices.contains(index)
        else { return nil }
        let declared = modules.intersection(dependencies.map(\.name))
          .filter { !isC($0) }
        let shown = Set(words(cells[index])).intersection(modules)
        return declared == shown
          ? nil : file.breach(line: number, "\(module) depends on \(declared.sorted())")
      }
    }
  }

  /// The modules that only make a C library known.
  private static func isC(_ module: String) -> Bool {
    module.hasPrefix("C") && module.dropFirst().first?.isUppercase == true
  }

  private static func words(_ cell: Substring?) -> [String] {
    (cell ?? "").split { !$0.isLetter }.map { String($0) }
  }

  /// What is in the round brackets of `[text](target)`, outside of code blocks.
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
