internal import ArgumentParser
internal import Embedded
internal import EventLoop
internal import Foundation
internal import HTTP
internal import Logging
internal import Observability

/// The command line of kv-api: everything else is set by environment variables.
@main
struct Command: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kv-api", abstract: "A key-value store behind a REST API.",
    discussion: SettingsHelp.text, version: BuildInformation.version)

  @Flag(name: .customLong("check"), help: "Check the settings, and leave.")
  var isCheck = false

  func run() async throws {
    let configuration = try readConfiguration()
    if isCheck {
      for warning in configuration.warnings { tell("warning: \(warning)") }
      return print("The settings are fine.")
    }
    try await serve(configuration)
  }

  /// Serves until SIGTERM or SIGINT; says why it can't.
  private func serve(_ configuration: Configuration) async throws {
    let log = LogWriter()
    defer { log.flush() }
    LoggingSystem.bootstrap {
      JSONLogHandler(label: $0, level: configuration.logLevel, writer: log)
    }
    let logger = Logger(label: "kv-api")
    for warning in configuration.warnings { logger.warning("\(warning)") }
    if case .tokens(_, let path) = configuration.access,
      let warning = TokensFile.permissionsWarning(path: path)
    {
      logger.warning("\(warning)")
    }
    do {
      try await Server(configuration, logger: logger, log: log).run()
    } catch let error as EmbeddedError {
      tell("\(error)")
      throw ExitStatus.of(error)
    } catch let error as ListenError {
      tell("\(error). Stop what uses the address, or set KV_LISTEN to another one.")
      throw ExitStatus.unavailable
    }
  }

  /// Reads the settings, makes room for connections, and says all that is wrong.
  private func readConfiguration() throws -> Configuration {
    do throws(ConfigurationError) {
      var configuration = try Configuration(
        environment: ProcessInfo.processInfo.environment,
        cores: ProcessInfo.processInfo.activeProcessorCount,
        readFile: { try? String(contentsOfFile: $0, encoding: .utf8) }, readTokens: TokensFile.read)
      try configuration.fitConnections(
        room: DescriptorLimit.makeRoom(
          connections: configuration.http.connectionsMax, loops: configuration.loops))
      return configuration
    } catch {
      tell("\(error)")
      throw ExitStatus.configuration
    }
  }

  /// Plain text for a person: there is no log before there is a configuration.
  private func tell(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }
}
