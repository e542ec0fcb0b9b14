import Foundation
import TestSupport

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

  func makeReadOnly() throws {
    // A command that another test starts holds all files of this process open until it runs.
    for _ in 0..<100 where (try? mount(["-o", "remount,ro", folder.path])) != nil { return }
    throw CocoaError(.fileWriteNoPermission)
  }

  private func mount(_ arguments: [String]) throws { try SmallDisk.run("mount", arguments) }

  private static func run(_ command: String, _ arguments: [String]) throws {
    let status = try exitStatus(of: [command] + arguments)
    if status != 0 { throw CocoaError(.fileWriteNoPermission) }
  }
}

/// Runs a command to its end, in silence, and returns its exit status.
///
/// Not through Foundation's Process, whose `run()` was seen to read beyond its memory while other
/// tests of this process were starting commands and raising the limit on open files.
func exitStatus(of command: [String]) throws -> Int32 {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for output in [STDOUT_FILENO, STDERR_FILENO] {
    posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0)
  }
  var arguments = command.map { strdup($0) }
  defer { for argument in arguments { free(argument) } }
  arguments.append(nil)
  var child: pid_t = 0
  let code = posix_spawnp(&child, command[0], &actions, nil, arguments, environ)
  guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .ENOENT) }
  var status: Int32 = 0
  while waitpid(child, &status, 0) < 0 { guard errno == EINTR else { throw POSIXError(.ECHILD) } }
  // WEXITSTATUS and WIFEXITED (wait(2)), which are macros; a signal counts as a failure.
  return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
}
