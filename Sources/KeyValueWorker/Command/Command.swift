internal import ArgumentParser
internal import EventLoop
internal import Foundation
internal import Logging
internal import Node
internal import Observability

/// The command line of kv-worker: everything else is set by environment variables.
@main
struct Command: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kv-worker", abstract: "Applies the queued writes of a key-value store.",
    discussion: Settings.help, version: BuildInformation.version)

  @Flag(name: .customLong("check"), help: "Check the settings, and leave.")
  var isCheck = false

  func run() async throws {
    let configuration = try readConfiguration()
    if isCheck {
      for warning in configuration.warnings { tell("warning: \(warning)") }
      return print("The settings are fine.")
    }
    let log = LogWriter()
    defer { log.flush() }
    LoggingSystem.bootstrap {
      JSONLogHandler(label: $0, level: configuration.logLevel, writer: log)
    }
    let logger = Logger(label: "kv-worker")
    for warning in configuration.warnings { logger.warning("\(warning)") }
    do {
      let loop = try EventLoop(name: "kv-loop-0", backend: configuration.backend)
      try await Worker(configuration, loop: loop, logger: logger, log: log).run()
    } catch let error as ListenError {
      tell("\(error). Stop what uses the address, or set KV_LISTEN to another one.")
      throw ExitCode(69)  // EX_UNAVAILABLE of sysexits.h
    }
  }

  private func readConfiguration() throws -> Configuration {
    do throws(ConfigurationError) {
      return try Configuration(
        environment: ProcessInfo.processInfo.environment,
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
