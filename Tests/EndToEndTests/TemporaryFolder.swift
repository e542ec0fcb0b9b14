import Foundation

/// Folders that go away when the tests end.
enum TemporaryFolder {
  /// A new, empty folder.
  static func make() throws -> URL {
    let folder = root.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  /// Holds all of them, and is removed at the end of the process.
  private static let root: URL = {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kv-\(UUID().uuidString)")
    atexit { try? FileManager.default.removeItem(at: TemporaryFolder.root) }
    return folder
  }()
}
