import Foundation
import Synchronization

/// The folder of a database, locked until `unlock` or the end of this object.
///
/// The lock is `flock` on a file of its own. It ends with the process, however that ends, and it
/// also refuses a second database of the same process, which SQLite's own locks would permit.
final class DataFolder: Sendable {
  /// The free space that a start needs, and that a healthy database has: for a log and its index.
  static let freeBytesMin: Int64 = 1 << 20

  private let folder: String
  private let lock: Mutex<Int32?>

  /// Creates the folder if it is missing, and locks it.
  init(_ folder: String) throws(EmbeddedError) {
    self.folder = folder
    try DataFolder.make(folder)
    lock = Mutex(try DataFolder.acquireLock(in: folder))
    let freeBytes = self.freeBytes
    if freeBytes < DataFolder.freeBytesMin {
      unlock()
      throw .noSpace(path: folder, freeBytes: freeBytes)
    }
  }

  deinit { unlock() }

  func unlock() {
    lock.withLock { descriptor in
      if let descriptor {
        // Closing alone would leave the lock with a child that was forked and has not called exec.
        flock(descriptor, LOCK_UN)
        close(descriptor)
      }
      descriptor = nil
    }
  }

  func path(of name: String) -> String { folder + "/" + name }

  /// Free bytes of the file system, as far as an unprivileged process may use them.
  var freeBytes: Int64 {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return 0 }
    let free = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return free.overflow ? .max : Int64(clamping: free.partialValue)
  }

  private static func make(_ folder: String) throws(EmbeddedError) {
    // Only its owner may read what clients have stored.
    guard mkdir(folder, 0o700) != 0 else { return }
    let code = errno
    if code == ENOENT, let slash = folder.lastIndex(of: "/"), slash > folder.startIndex {
      try make(String(folder[..<slash]))
      if mkdir(folder, 0o700) == 0 { return }
      throw refusal(of: folder, code: errno)
    }
    guard code == EEXIST else { throw refusal(of: folder, code: code) }
    var status = stat()
    guard stat(folder, &status) == 0 else { throw refusal(of: folder, code: errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw .notAFolder(path: folder) }
  }

  private static func acquireLock(in folder: String) throws(EmbeddedError) -> Int32 {
    let path = folder + "/lock"
    // O_CLOEXEC: a child process must not keep the folder locked.
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw refusal(of: folder, code: errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      defer { close(descriptor) }
      if code == EWOULDBLOCK {
        throw .locked(path: folder, processID: processID(in: descriptor))
      }
      throw refusal(of: folder, code: code)
    }
    // Only the message above needs this: on a full disk it may be missing.
    let text = "\(getpid())\n"
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.utf8.count, 0) }
    return descriptor
  }

  private static func processID(in descriptor: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    return Int32(text.prefix { $0.isNumber })
  }

  private static func refusal(of folder: String, code: Int32) -> EmbeddedError {
    switch code {
    case ENOTDIR: .notAFolder(path: folder)
    case ENOSPC, EDQUOT: .noSpace(path: folder, freeBytes: 0)
    default: .notWritable(path: folder, reason: String(cString: strerror(code)))
    }
  }
}
