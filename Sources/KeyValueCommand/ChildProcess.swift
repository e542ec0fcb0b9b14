internal import Subprocess
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif
#if canImport(System)
  internal import System
#else
  internal import SystemPackage
#endif

/// Runs a program with the input, the output and the terminal of this one.
enum ChildProcess {
  /// Runs words as a command, or a text as a shell would.
  enum Command {
    case words([String])
    /// What `sh -c` runs; `arguments` are its `$1` and so on.
    case shell(String, arguments: [String])

    fileprivate var words: [String] {
      switch self {
      case .words(let words): words
      case .shell(let text, let arguments): ["/bin/sh", "-c", text, "sh"] + arguments
      }
    }
  }

  /// Runs a command to its end and returns its exit code as a shell would: 128 and more for a
  /// signal, 127 if there is no such program.
  ///
  /// A process group of its own means that `terminate` also reaches what the command has started,
  /// and that Ctrl-C does not reach it.
  static func run(
    _ command: Command, environment: [String: String] = [:], input: [UInt8]? = nil,
    hasOwnGroup: Bool = false, started: @Sendable (Int32) -> Void = { _ in }
  ) async throws -> Int32 {
    let words = command.words
    var options = PlatformOptions()
    if hasOwnGroup { options.processGroupID = 0 }
    var variables: [Environment.Key: String?] = [:]
    for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
    let executable: Executable =
      words[0].contains("/") ? .path(FilePath(words[0])) : .name(words[0])
    let source: FileDescriptorInput =
      if let input {
        .fileDescriptor(try file(of: input), closeAfterSpawningProcess: true)
      } else {
        .currentStandardInput
      }
    do {
      let status = try await Subprocess.run(
        executable, arguments: Arguments(Array(words.dropFirst())),
        environment: .inherit.updating(variables), platformOptions: options,
        input: source, output: .currentStandardOutput, error: .currentStandardError
      ) { started($0.processIdentifier.value) }.terminationStatus
      switch status {
      case .exited(let code): return Int32(code)
      case .signaled(let signal): return 128 + Int32(signal)
      }
    } catch let error as SubprocessError {
      Terminal.note("kv: \(words[0]) can't be run: \(error)")
      return 127
    }
  }

  /// A file with these bytes and without a name, to be read from its beginning. A pipe would break
  /// for a command that ends without reading all of it, such as `echo`.
  private static func file(of bytes: [UInt8]) throws -> FileDescriptor {
    guard let stream = tmpfile() else { throw noFile }
    defer { fclose(stream) }
    guard fwrite(bytes, 1, bytes.count, stream) == bytes.count, fflush(stream) == 0,
      fseek(stream, 0, SEEK_SET) == 0
    else { throw noFile }
    return try FileDescriptor(rawValue: fileno(stream)).duplicate()
  }

  private static let noFile = Failure(
    .failure, "no temporary file can be written for the input of a command: is the disk full?")
}
