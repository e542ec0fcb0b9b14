/// Why the embedded store can't start. Its description says what to do about it.
public enum EmbeddedError: Error, Equatable, CustomStringConvertible {
  /// The path names something else than a folder.
  case notAFolder(path: String)
  /// The folder can't be made, entered or written to.
  case notWritable(path: String, reason: String)
  /// Another process, or another database of this one, uses the folder.
  case locked(path: String, processID: Int32?)
  /// What is in the file is no intact database.
  case corrupt(path: String, detail: String)
  /// The file is an SQLite database, but not one of this program.
  case foreign(path: String)
  /// A newer release of this program has changed the database's schema.
  case newerSchema(path: String)
  /// The file system of the folder is full, or nearly so.
  case noSpace(path: String, freeBytes: Int64)
  /// Anything else that SQLite reports.
  case failed(path: String, detail: String)

  /// What is wrong and what to do.
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
