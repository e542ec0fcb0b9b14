import Foundation

/// The files of this repository that people wrote.
struct Repository {
  static let current = Repository(
    root: URL(filePath: #filePath).appending(path: "../../..").standardizedFileURL)

  let root: URL
  let files: [SourceFile]

  private static let folders = [
    "Sources", "Tests", "Fuzz", "Benchmarks", "load-tests", "CLOUD", "scripts", ".ci", "autoscaler",
    "cockroach", "grafana", "kv-api", "nginx", "postgres", "prometheus", "rabbitmq", "redis",
  ]
  private static let generated: Set = [".venv", "__pycache__", "results", "corpus", ".hypothesis"]

  init(root: URL) {
    self.root = root
    var paths = Self.children(of: root).filter { !$0.hasDirectoryPath }
    var folders = Self.folders.map { root.appending(path: $0, directoryHint: .isDirectory) }
    while let folder = folders.popLast() {
      for child in Self.children(of: folder)
      where !Self.generated.contains(child.lastPathComponent) {
        if child.hasDirectoryPath { folders.append(child) } else { paths.append(child) }
      }
    }
    files =
      paths
      .compactMap { url in
        // What is not text (a fuzzer's seeds) has no layout.
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
        let path = url.standardizedFileURL.path(percentEncoded: false)
        return SourceFile(
          path: String(path.dropFirst(root.path(percentEncoded: false).count)), text: text)
      }
      .sorted { $0.path < $1.path }
  }

  private static func children(of folder: URL) -> [URL] {
    let found = try? FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: [.isDirectoryKey])
    return found ?? []
  }
}
