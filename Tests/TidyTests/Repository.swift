import Foundation

/// The text files of this repository, without those that a build or a run leaves behind.
struct Repository {
  static let current = Repository(
    root: URL(filePath: #filePath).appending(path: "../../..").standardizedFileURL)

  let root: URL
  let files: [SourceFile]
  /// What Package.swift declares.
  let package: PackageTargets

  init(root: URL) {
    self.root = root
    let ignored = Self.ignored(root: root)
    var paths: [URL] = []
    var folders = [root]
    while let folder = folders.popLast() {
      let children = try? FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: [.isDirectoryKey])
      for child in children ?? [] {
        let path = Self.path(of: child, in: root)
        let name = child.lastPathComponent
        // The hidden folder with the commands of continuous integration is the only one with code.
        guard !name.hasPrefix(".") || name == ".ci", !ignored.contains(path),
          !ignored.contains(name)
        else { continue }
        if child.hasDirectoryPath { folders.append(child) } else { paths.append(child) }
      }
    }
    files =
      paths
      .compactMap { url in
        // A file that is not text, as a seed of the fuzzer, has no layout.
        let text = try? String(contentsOf: url, encoding: .utf8)
        return text.map { SourceFile(path: Self.path(of: url, in: root), text: $0) }
      }
      .sorted { $0.path < $1.path }
    package = PackageTargets(files.first { $0.path == "Package.swift" })
  }

  /// The names and paths that .gitignore lists.
  private static func ignored(root: URL) -> Set<String> {
    let text = try? String(contentsOf: root.appending(path: ".gitignore"), encoding: .utf8)
    return Set(
      (text ?? "").split(separator: "\n").map { line in
        String(line.hasSuffix("/") ? line.dropLast() : line)
      })
  }

  private static func path(of url: URL, in root: URL) -> String {
    let path = url.standardizedFileURL.path(percentEncoded: false)
    let relative = path.dropFirst(root.path(percentEncoded: false).count)
    return String(relative.hasSuffix("/") ? relative.dropLast() : relative)
  }
}

/// One text file of the repository, as the rules see it.
struct SourceFile {
  /// Relative to the repository's root, with forward slashes.
  let path: String
  let lines: [Substring]
  /// The tokens of a Swift file, without comments; empty for other files.
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
  var module: String? {
    let parts = path.split(separator: "/")
    return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
  }

  /// The last part of the path, without its extension.
  var baseName: Substring {
    let name = path.split(separator: "/").last ?? ""
    return name.firstIndex(of: ".").map { name[..<$0] } ?? name
  }

  /// Source code and scripts, not prose, not data, and not a library's code for browsers.
  var isCode: Bool {
    let endings = [
      ".swift", ".c", ".h", ".py", ".sh", ".lua", ".js", ".css", "Makefile",
    ]
    return endings.contains { path.hasSuffix($0) } && !path.hasSuffix("/preact.js")
      || lines.first?.hasPrefix("#!") == true
  }

  /// How many lines the file has.
  var length: Int { lines.last == "" ? lines.count - 1 : lines.count }

  /// The types that the file declares outside of other types.
  var types: [(name: String, line: Int)] {
    let kinds: Set<Substring> = ["struct", "class", "enum", "actor", "protocol", "typealias"]
    var depth = 0
    var found: [(String, Int)] = []
    for (token, next) in zip(tokens, tokens.dropFirst()) {
      if token.text == "{" { depth += 1 }
      if token.text == "}" { depth -= 1 }
      // `import struct A.B` declares nothing.
      if depth == 0, kinds.contains(token.text), next.isWord {
        found.append((String(next.text), next.line))
      }
    }
    return found
  }

  func breach(line: Int, _ message: String) -> Breach {
    Breach(path: path, line: line, message: message)
  }
}
