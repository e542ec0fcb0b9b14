internal import Subprocess

#if canImport(System)
  internal import System
#else
  internal import SystemPackage
#endif

/// Runs commands, each in a session of its own: when one takes too long or this process has to
/// leave, all that it started is ended with it.
struct CommandRunner: Sendable {
  /// How long a command may take.
  let timeout: Duration
  /// Between the request to end and the end by force.
  private static let grace = Duration.seconds(5)
  /// What is kept of the standard error: its end, where the reason usually is.
  private static let errorBytesMax = 4_096

  /// The variables that commands get; without this program's own settings, among them secrets.
  let environment: [String: String]

  /// Runs a command to its end. When the task is cancelled, the command is ended.
  func run(_ words: [String]) async -> CommandOutcome {
    let errors = ErrorTail(bytesMax: Self.errorBytesMax)
    let first = await withTaskGroup(of: CommandOutcome?.self) { group in
      group.addTask { await execute(words, errors) }
      group.addTask {
        try? await Task.sleep(for: timeout)
        return nil
      }
      // Whichever ends first ends the other; a command is waited for in any case.
      let first = await group.next() ?? nil
      group.cancelAll()
      await group.waitForAll()
      return first
    }
    if Task.isCancelled { return .cancelled }
    return first ?? .timedOut(errors: errors.text)
  }

  private func execute(_ words: [String], _ errors: ErrorTail) async -> CommandOutcome {
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence = [
      .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: Self.grace)
    ]
    let variables = environment.map { (Environment.Key(stringLiteral: $0), $1) }
    do {
      let result = try await Subprocess.run(
        words[0].contains("/") ? .path(FilePath(words[0])) : .name(words[0]),
        arguments: Arguments(Array(words.dropFirst())),
        environment: .custom(Dictionary(uniqueKeysWithValues: variables)),
        platformOptions: options, input: .none, output: .discarded, error: .sequence
      ) { execution in
        for try await chunk in execution.standardError {
          // Offsets are checked, and any byte is a UInt8.
          errors.append(
            chunk.bytes.byteOffsets.map {
              chunk.bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
            })
        }
      }
      if case .exited(0) = result.terminationStatus { return .succeeded }
      return .failed("\(result.terminationStatus)", errors: errors.text)
    } catch {
      return .notStarted("\(error)")
    }
  }
}
