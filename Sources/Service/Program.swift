package import ArgumentParser
internal import EventLoop
internal import Foundation
package import Logging
package import Observability

/// A program of the system: a command line with `--check`, settings from the environment, a log of
/// JSON lines on the standard error, and work that lasts until a signal ends it.
///
/// This is what the programs have in common; a program adds what it is called, how it reads its
/// settings, and what it runs.
package protocol Program: AsyncParsableCommand {
  associatedtype Configuration: ProgramConfiguration

  /// The options of every program, as an `@OptionGroup`.
  var common: CommonOptions { get }

  /// Whether odd settings are logged at the start. Default: true.
  var logsWarnings: Bool { get }

  /// Reads the settings.
  /// - Parameter readFile: reads the file of a secret.
  func readConfiguration(
    _ environment: [String: String], readFile: @escaping SettingsReader.FileReader
  ) throws(ConfigurationError) -> Configuration

  /// Works until the process is asked to stop. A `ListenError` that it throws is explained.
  func run(_ configuration: Configuration, logger: Logger, log: LogWriter) async throws
}

/// All that an operator decides about a program, checked.
package protocol ProgramConfiguration: Sendable {
  var logLevel: Logger.Level { get }
  /// Whether a crash may leave a core dump, which holds secrets.
  var areCoreDumpsAllowed: Bool { get }
  /// What is odd but allowed, for `--check` and the log.
  var warnings: [String] { get }
}

/// The options of every program.
package struct CommonOptions: ParsableArguments {
  @Flag(name: .customLong("check"), help: "Check the settings, and leave.")
  package var isCheck = false

  package init() {}
}

/// The exit codes, which are those of sysexits.h. ArgumentParser adds 64 for a wrong command line.
package enum ExitStatus {
  /// EX_UNAVAILABLE: the address is taken or not allowed, or a service does not answer.
  package static let unavailable = ExitCode(69)
  /// EX_CANTCREAT: the data folder can't be made, written to or is in use.
  package static let dataFolder = ExitCode(73)
  /// EX_IOERR: the database is damaged, or its file system is full.
  package static let inputOutput = ExitCode(74)
  /// EX_TEMPFAIL: a command failed, and may succeed at the next attempt.
  package static let temporaryFailure = ExitCode(75)
  /// EX_CONFIG: a setting is wrong.
  package static let configuration = ExitCode(78)
}

extension ListenError.Reason {
  /// What the operator can do.
  fileprivate var advice: String {
    switch self {
    case .taken: "Stop what uses the address, or set KV_LISTEN to another one."
    case .forbidden: "Ports below 1024 are for root: set KV_LISTEN to a higher one."
    case .notHere:
      "Set KV_LISTEN to an address of this machine, or leave the address out (:PORT) for all."
    }
  }
}

extension Program {
  package var logsWarnings: Bool { true }

  /// Reads the settings, starts the log, and runs the program; or only checks the settings.
  package func run() async throws {
    ProcessPrecautions.ignoreBrokenPipes()
    let configuration = try checkedConfiguration()
    if !configuration.areCoreDumpsAllowed { ProcessPrecautions.forbidCoreDumps() }
    if common.isCheck {
      for warning in configuration.warnings { tell("warning: \(warning)") }
      return print("The settings are fine.")
    }
    let log = LogWriter()
    defer { log.flush() }
    let level = configuration.logLevel
    LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: level, writer: log) }
    let logger = Logger(label: Self.configuration.commandName ?? "kv")
    if logsWarnings {
      for warning in configuration.warnings { logger.warning("\(warning)") }
    }
    do {
      try await run(configuration, logger: logger, log: log)
    } catch let error as ListenError {
      tell("\(error). \(error.reason.advice)")
      throw ExitStatus.unavailable
    }
  }

  /// The settings; or the end of the program, after it has named all that are wrong.
  private func checkedConfiguration() throws -> Configuration {
    do throws(ConfigurationError) {
      return try readConfiguration(
        ProcessInfo.processInfo.environment,
        readFile: { try? String(contentsOfFile: $0, encoding: .utf8) })
    } catch {
      tell("\(error)")
      throw ExitStatus.configuration
    }
  }

  /// Writes plain text for a person to the standard error: there is no log before the settings are
  /// read.
  package func tell(_ text: String) {
    // Nobody may be reading it.
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
  }
}
