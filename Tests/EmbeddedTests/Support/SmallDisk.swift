import Foundation

/// A file system of a few kilobytes in memory, mounted for a test. Only root may do that.
final class SmallDisk {
  let folder: TemporaryFolder

  /// Whether this process may mount file systems here.
  static let isPermitted: Bool = {
    guard geteuid() == 0, let disk = try? SmallDisk(kilobytes: 64) else { return false }
    return disk.isMounted
  }()

  private var isMounted = false

  init(kilobytes: Int) throws {
    folder = try TemporaryFolder()
    try mount(["-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", folder.path])
    isMounted = true
  }

  deinit {
    if isMounted { try? SmallDisk.run("umount", ["-l", folder.path]) }
  }

  /// Lets nobody write any more.
  func makeReadOnly() throws {
    // A command that another test is starting holds all files of this process open until it runs.
    for _ in 0..<100 where (try? mount(["-o", "remount,ro", folder.path])) != nil { return }
    throw CocoaError(.fileWriteNoPermission)
  }

  private func mount(_ arguments: [String]) throws { try SmallDisk.run("mount", arguments) }

  private static func run(_ command: String, _ arguments: [String]) throws {
    let status = try exitStatus(of: [command] + arguments)
    if status != 0 { throw CocoaError(.fileWriteNoPermission) }
  }
}

/// Runs a command to its end, in silence.
func exitStatus(of command: [String]) throws -> Int32 {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = command
  process.standardOutput = FileHandle.nullDevice
  process.standardError = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  return process.terminationStatus
}
