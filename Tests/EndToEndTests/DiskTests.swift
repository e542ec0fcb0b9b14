#if os(Linux)
  import Foundation
  import Testing

  extension EndToEndTests {
    @Suite("The disk", .enabled(if: SmallDisk.isAvailable, "a file system has to be mounted"))
    struct DiskTests {
      @Test("A read-only data folder is named at start")
      func readOnly() throws {
        let disk = try SmallDisk(options: "ro,size=1m")
        let server = try Server.refusing(data: disk.folder, prefix: disk.prefix)
        #expect(server.code > 0)
        #expect(server.output.contains(disk.folder.lastPathComponent))
      }

      @Test("A full disk is named at start")
      func fullAtStart() throws {
        let disk = try SmallDisk(options: "size=1m")
        try disk.fill()
        let server = try Server.refusing(data: disk.folder, prefix: disk.prefix)
        #expect(server.code > 0)
        #expect(server.output.contains(disk.folder.lastPathComponent))
        #expect(server.output.lowercased().contains("full"))
      }

      @Test(
        "A disk that fills up costs no acknowledged write, and room again makes writes possible")
      func fullAtRunTime() throws {
        let disk = try SmallDisk(options: "size=16m")
        let server = try Server.running(data: disk.folder, prefix: disk.prefix)
        let connection = try server.connect()
        for number in 0..<10 {
          let answer = try connection.request("PUT", "/kv/before/\(number)", body: "\(number)")
          #expect(answer.status == 201)
        }
        try disk.fill()
        let (stored, refusal) = try writeUntilRefused(on: connection)
        #expect(refusal.status == 503)
        #expect(refusal.fields["retry-after"] != nil)
        #expect(refusal.fields["content-type"] == "application/problem+json")
        try verify(stored, on: connection)

        try disk.empty()
        #expect(try connection.request("PUT", "/kv/after", body: "1").status == 201)
        server.kill()
        let restarted = try Server.running(data: disk.folder, prefix: disk.prefix)
        let another = try restarted.connect()
        try verify(stored, on: another)
        #expect(try another.request("GET", "/kv/after").body == "1")
      }

      /// Writes until the disk is full; returns the keys whose writes were acknowledged.
      private func writeUntilRefused(on connection: Connection) throws -> ([String], Answer) {
        var stored: [String] = []
        // The database's files may have room left inside, but not more than the disk has.
        for number in 0..<2_000 {
          let key = "full/\(number)"
          let answer = try connection.request("PUT", "/kv/\(key)", body: value(of: key))
          guard answer.status == 201 else { return (stored, answer) }
          stored.append(key)
        }
        throw TestFailure("the disk did not fill up")
      }

      private func value(of key: String) -> String {
        key + String(repeating: "x", count: 16_384)
      }

      private func verify(_ stored: [String], on connection: Connection) throws {
        for key in stored {
          let answer = try connection.request(
            "GET", "/kv/\(key)", fields: ["Cache-Control": "no-cache"])
          #expect(answer.status == 200)
          #expect(answer.body == value(of: key))
        }
        for number in 0..<10 {
          #expect(try connection.request("GET", "/kv/before/\(number)").body == "\(number)")
        }
      }
    }
  }

  /// A small file system in memory, visible only to the processes that are started in it. It needs
  /// no clean-up: it ends with its last process.
  private final class SmallDisk {
    private let keeper = Process()
    private let input = Pipe()
    /// The mount point, as the server sees it.
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

    /// Words in front of a command that has to see the file system.
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

    /// Whether a file system can be mounted here. If not, the tests are skipped on a developer's
    /// machine and fail in CI.
    static let isAvailable = (try? SmallDisk(options: "size=1m")) != nil || isContinuousIntegration

    private static let isContinuousIntegration =
      ProcessInfo.processInfo.environment["CI"].map { $0 != "false" && !$0.isEmpty } ?? false
  }
#endif
