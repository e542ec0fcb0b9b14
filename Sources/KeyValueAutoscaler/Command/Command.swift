internal import ArgumentParser
internal import EventLoop
internal import Foundation
internal import Logging
internal import Node
internal import Observability

/// The command line of kv-autoscaler: everything else is set by environment variables.
@main
struct Command: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kv-autoscaler", abstract: "Scales the services of a key-value store.",
    discussion: Settings.help, version: BuildInformation.version)

  @Flag(name: .customLong("check"), help: "Check the settings, and leave.")
  var isCheck = false

  @Flag(name: .customLong("dry-run"), help: "Decide and tell, but change nothing.")
  var isDryRun = false

  @Flag(
    name: .customLong("once"),
    help: "One round, and leave. Without a past, nothing is scaled down in it.")
  var isOnce = false

  func run() async throws {
    let environment = ProcessInfo.processInfo.environment
    let configuration = try readConfiguration(environment)
    if isCheck {
      for warning in configuration.warnings { tell("warning: \(warning)") }
      return print("The settings are fine.")
    }
    let log = LogWriter()
    defer { log.flush() }
    LoggingSystem.bootstrap {
      JSONLogHandler(label: $0, level: configuration.logLevel, writer: log)
    }
    let logger = Logger(label: "kv-autoscaler")
    for warning in configuration.warnings { logger.warning("\(warning)") }
    let autoscaler = Autoscaler(
      configuration, isDryRun: isDryRun,
      environment: Configuration.commandEnvironment(environment), logger: logger)
    if isOnce { return try leave(after: try await autoscaler.runOnce()) }
    do {
      let loop = try EventLoop(name: "kv-loop-0", backend: configuration.backend)
      try await autoscaler.run(on: loop, log: log)
    } catch let error as ListenError {
      tell("\(error). Stop what uses the address, or set KV_LISTEN to another one.")
      throw ExitCode(69)  // EX_UNAVAILABLE of sysexits.h
    }
  }

  /// What a script can tell from the exit code of a single round.
  private func leave(after result: Scaler.Result?) throws {
    switch result {
    case .done, nil: return
    case .blind: throw ExitCode(69)  // EX_UNAVAILABLE: Prometheus
    case .failed: throw ExitCode(75)  // EX_TEMPFAIL: the command
    }
  }

  private func readConfiguration(_ environment: [String: String]) throws -> Configuration {
    do throws(ConfigurationError) {
      return try Configuration(
        environment: environment, isDryRun: isDryRun,
        readFile: { try? String(contentsOfFile: $0, encoding: .utf8) })
    } catch {
      tell("\(error)")
      throw ExitCode(78)  // EX_CONFIG
    }
  }

  /// Plain text for a person: there is no log before there is a configuration.
  private func tell(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }
}
