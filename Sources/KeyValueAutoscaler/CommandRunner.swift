internal import Subprocess
internal import Synchronization

#if canImport(System)
  internal import System
#else
  internal import SystemPackage
#endif

/// Runs commands, each in a session of its own, so that a command which takes too long, or runs
/// when this process has to leave, is ended together with all processes that it started.
struct CommandRunner: Sendable {
  /// How long a command may take.
  let timeout: Duration
  /// How long a command may take to end by itself before it is killed.
  private static let grace = Duration.seconds(5)
  /// How much of the standard error's end is kept: the reason of a failure is usually there.
  private static let errorBytesMax = 4_096

  /// The variables that commands get.
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
      // The first to end cancels the other; the end of a command is awaited in any case.
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
          // The offset is checked, and a byte of any value is a UInt8.
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

/// How a command ended.
enum CommandOutcome: Equatable, Sendable {
  case succeeded
  /// It ended by a signal or with an exit code other than 0; `errors` is the end of its standard
  /// error.
  case failed(String, errors: String)
  /// It took too long and was ended.
  case timedOut(errors: String)
  /// The program does not exist or can't be started.
  case notStarted(String)
  /// This process ended it, because it is leaving.
  case cancelled

  /// The value of the label `result`.
  enum Label: String, CaseIterable {
    case succeeded, failed, cancelled
    case timedOut = "timed_out"
    case notStarted = "not_started"
  }

  var label: Label {
    switch self {
    case .succeeded: .succeeded
    case .failed: .failed
    case .timedOut: .timedOut
    case .notStarted: .notStarted
    case .cancelled: .cancelled
    }
  }
}

/// Collects the end of a command's output while the command runs.
private final class ErrorTail: Sendable {
  private let bytesMax: Int
  private let bytes = Mutex<[UInt8]>([])

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  func append(_ chunk: some Sequence<UInt8>) {
    bytes.withLock {
      $0.append(contentsOf: chunk)
      if $0.count > bytesMax { $0.removeFirst($0.count - bytesMax) }
    }
  }

  /// The text so far, without white space around it.
  var text: String {
    let text = String(decoding: bytes.withLock { $0 }, as: UTF8.self)
    return String(
      text.trimmingPrefix(while: \.isWhitespace).reversed()
        .trimmingPrefix(while: \.isWhitespace).reversed())
  }
}
