/// Why the embedded store can't start. The description tells the operator what to do.
public enum EmbeddedError: Error, Equatable, CustomStringConvertible {
  /// The path is not that of a folder.
  case notAFolder(path: String)
  /// The folder can't be created, entered or written to.
  case notWritable(path: String, reason: String)
  /// Another process, or another database of this one, uses the folder.
  case locked(path: String, processID: Int32?)
  /// The file is not an intact database.
  case corrupt(path: String, detail: String)
  /// The file is an SQLite database of another program.
  case foreign(path: String)
  /// A newer release of this program has changed the database's schema.
  case newerSchema(path: String)
  /// The file system of the folder is full, or nearly so.
  case noSpace(path: String, freeBytes: Int64)
  /// Anything else that SQLite reports.
  case failed(path: String, detail: String)

  public var description: String {
    switch self {
    case .notAFolder(let path):
      "The data folder \(path) is not a folder. Remove that file or choose another folder."
    case .notWritable(let path, let reason):
      "The data folder \(path) can't be written to (\(reason)). Give the process's user write "
        + "permission, mount it writable, or choose another folder."
    case .locked(let path, let processID):
      "The data folder \(path) is in use by "
        + (processID.map { "process \($0)" } ?? "another process")
        + ". Stop that process or choose another folder."
    case .corrupt(let path, let detail):
      "The database \(path) is damaged (\(detail)). Restore it from a backup, or save what can be "
        + "saved with: sqlite3 \(path) .recover"
    case .foreign(let path):
      "The file \(path) is a database of another program. Choose another data folder."
    case .newerSchema(let path):
      "The database \(path) was written by a newer release. Start that release, or restore a "
        + "backup from before the upgrade."
    case .noSpace(let path, let freeBytes):
      "The file system of the data folder \(path) is full (\(freeBytes) bytes free, 1,048,576 "
        + "needed to start). Free some space or choose another folder."
    case .failed(let path, let detail):
      "The database \(path) can't be opened: \(detail)."
    }
  }
}
