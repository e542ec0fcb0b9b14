internal import ArgumentParser
internal import EventLoop
internal import Logging
internal import Observability
internal import Service

/// The command line of kv-worker. Everything else is set by environment variables.
@main
struct WorkerCommand: Program {
  static let configuration = CommandConfiguration(
    commandName: "kv-worker", abstract: "Applies the queued writes of a key-value store.",
    discussion: Settings.help, version: BuildInformation.version)

  @OptionGroup var common: CommonOptions

  func readConfiguration(
    _ environment: [String: String], readFile: @escaping SettingsReader.FileReader
  ) throws(ConfigurationError) -> Configuration {
    try Configuration(environment: environment, readFile: readFile)
  }

  func run(_ configuration: Configuration, logger: Logger, log: LogWriter) async throws {
    let loop = try EventLoop(name: "kv-loop-0", backend: configuration.backend)
    try await Worker(configuration, loop: loop, logger: logger, log: log).run()
  }
}
