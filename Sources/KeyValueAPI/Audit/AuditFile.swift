internal import Foundation

/// The file that the audit log appends to. Its calls block: only the log's own queue makes them.
struct AuditFile: ~Copyable {
  private let path: String
  private var descriptor: Int32
  /// Whether the last line is cut off: a disk that fills up takes a part of what it is given.
  private var isTorn = false

  /// Opens the file, or makes it, for its owner alone.
  init(path: String) throws(AuditFileError) {
    self.path = path
    descriptor = try Self.open(path)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Opens what is at the path now, as after the file was moved away. If that fails, lines go on
  /// into the file as it was.
  mutating func reopen() throws(AuditFileError) {
    let opened = try Self.open(path)
    if descriptor >= 0 { close(descriptor) }
    descriptor = opened
    isTorn = false
  }

  /// Appends whole lines; returns how many bytes were written, and why they are not all.
  mutating func append(_ lines: [UInt8]) -> (count: Int, error: AuditFileError?) {
    do throws(AuditFileError) {
      // Nobody could find what is written into a file that was removed.
      if isRemoved { try reopen() }
      if isTorn {
        try write([UInt8(ascii: "\n")][...])
        isTorn = false
      }
    } catch {
      return (0, error)
    }
    var rest = lines[...]
    do throws(AuditFileError) {
      while !rest.isEmpty { rest = rest.dropFirst(try write(rest)) }
      return (lines.count, nil)
    } catch {
      let count = lines.count - rest.count
      isTorn = count > 0 && lines[count - 1] != UInt8(ascii: "\n")
      return (count, error)
    }
  }

  private var isRemoved: Bool {
    guard descriptor >= 0 else { return true }
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_nlink == 0
  }

  /// Writes at least one byte, and returns how many.
  @discardableResult
  private func write(_ bytes: ArraySlice<UInt8>) throws(AuditFileError) -> Int {
    while true {
      let count = Foundation.write(descriptor, Array(bytes), bytes.count)
      if count > 0 { return count }
      let code = errno
      if count < 0, code == EINTR { continue }
      throw AuditFileError(code: code)
    }
  }

  private static func open(_ path: String) throws(AuditFileError) -> Int32 {
    // A pipe without a reader would block the call; a write to it may block, as to a slow disk.
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC
    let descriptor = Foundation.open(path, flags | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw AuditFileError(code: errno) }
    _ = fcntl(descriptor, F_SETFL, O_APPEND)
    return descriptor
  }

  /// Why lines could not be appended to a file at `path`, in the system's words; nil: they could.
  /// Makes no file: whoever checks the settings may be another user than the one who serves.
  static func obstacle(at path: String) -> String? {
    let descriptor = Foundation.open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK)
    if descriptor >= 0 {
      close(descriptor)
      return nil
    }
    guard errno == ENOENT else { return AuditFileError(code: errno).description }
    let folder = URL(filePath: path).deletingLastPathComponent().path
    return access(folder, W_OK | X_OK) == 0 ? nil : AuditFileError(code: errno).description
  }
}

/// Why the audit log can't be written.
struct AuditFileError: Error, Equatable, CustomStringConvertible {
  /// Of `errno`.
  let code: Int32

  /// In the system's words.
  var description: String { String(cString: strerror(code)) }
}
