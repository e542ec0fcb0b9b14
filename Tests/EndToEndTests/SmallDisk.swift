#if os(Linux)
  import Foundation
  import Testing

  /// A small file system in memory, seen only by the processes that are started in it. It needs no
  /// clean-up: it is gone when its last process is.
  final class SmallDisk {
    private let keeper = Process()
    private let input = Pipe()
    /// The mount point, as the server is told it.
    let folder: URL

    /// - Parameter options: those of tmpfs, such as `size=1m` or `ro`.
    init(options: String) throws {
      folder = try TemporaryFolder.make()
      let output = Output()
      keeper.executableURL = URL(filePath: "/usr/bin/env")
      keeper.arguments = [
        "unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
        #"mount -t tmpfs -o "$0" tmpfs "$1" && echo mounted && exec cat"#, options, folder.path,
      ]
      keeper.standardInput = input
      keeper.standardOutput = output.pipe
      keeper.standardError = output.pipe
      try keeper.run()
      output.read()
      guard try output.line(where: { $0 == "mounted" }) != nil else {
        throw TestFailure("a file system can't be mounted here: \(output.text)")
      }
    }

    deinit {
      // The keeper is a `cat`: it ends with its input.
      try? input.fileHandleForWriting.close()
      keeper.waitUntilExit()
    }

    /// Runs a command where the file system can be seen.
    var prefix: [String] {
      ["nsenter", "--target", "\(keeper.processIdentifier)", "--user", "--mount"]
        + ["--preserve-credentials"]
    }

    /// A path inside, as seen from outside.
    func outside(_ name: String) -> URL {
      URL(filePath: "/proc/\(keeper.processIdentifier)/root\(folder.path)").appending(path: name)
    }

    /// Writes a file until nothing more fits.
    func fill() throws {
      let file = outside("filler")
      guard FileManager.default.createFile(atPath: file.path, contents: nil),
        let descriptor = FileHandle(forWritingAtPath: file.path)
      else { throw TestFailure("no file can be made in \(file.path)") }
      for size in [65_536, 4_096, 1] {
        while (try? descriptor.write(contentsOf: Data(count: size))) != nil {}
      }
      try descriptor.close()
    }

    /// Makes room again after `fill()`.
    func empty() throws { try FileManager.default.removeItem(at: outside("filler")) }

    /// Where nothing can be mounted, these tests can't run. On a developer's machine that is
    /// skipped, in CI it is a failure.
    static let isAvailable = (try? SmallDisk(options: "size=1m")) != nil || isContinuousIntegration

    private static let isContinuousIntegration =
      ProcessInfo.processInfo.environment["CI"].map { $0 != "false" && !$0.isEmpty } ?? false
  }
#endif
