#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// Reads what the kernel tells in files.
enum ProcessFiles {
  /// The longest file that is read; `/proc/stat` has a line for each processor.
  private static let bytesMax = 1 << 20

  /// The text of a file; nil if it can't be read.
  static func text(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { _ = close(descriptor) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while text.count < bytesMax {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0 { return nil }
      if count == 0 { break }
      text.append(contentsOf: chunk[..<count])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// How many descriptors are open; nil where the kernel does not tell.
  static func openDescriptors() -> Int? {
    let path = "/proc/self/fd"
    // Since Linux 6.2 the size of the folder is the number of its entries: no need to list ten
    // thousand.
    var status = stat()
    if stat(path, &status) == 0, status.st_size > 0 { return Int(status.st_size) }
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // `.`, `..` and the descriptor of the listing itself.
    return max(0, count - 3)
  }
}
